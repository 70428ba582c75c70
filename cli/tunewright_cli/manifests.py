"""Reads manifests as kubectl does, keeps line numbers, and names every fault at once."""

import json
import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from tunewright_api.kinds import KINDS, NAME_RULE
from tunewright_api.names import API_VERSION
from tunewright_api.sentences import sentences
from tunewright_api.spec import FineTuneJobSpec

NAME = re.compile(r"^[a-z]([a-z0-9-]*[a-z0-9])?$")
LONGEST_NAME = 30


class BadManifest(Exception):
    """Everything that is wrong with a file, a sentence each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True)
class Document:
    """One object of a file."""

    source: str
    body: dict[str, Any]
    lines: dict[str, int]
    """Line of each field, by its path."""

    @property
    def name(self) -> str:
        """metadata.name."""
        return str(self.body["metadata"]["name"])

    @property
    def namespace(self) -> str | None:
        """metadata.namespace, if it is given."""
        found = self.body["metadata"].get("namespace")
        return str(found) if found else None

    @property
    def kind(self) -> str:
        """The object's kind."""
        return str(self.body["kind"])

    def spec(self) -> FineTuneJobSpec:
        """The spec of a FineTuneJob that `read` has checked."""
        return FineTuneJobSpec.model_validate(self.body["spec"])


class _Loader(yaml.SafeLoader):
    """YAML 1.1 as Go's parser for Kubernetes reads it: 2e-4 is a number, 1:30 and dates are texts, a key that stands twice is an error."""


NUMBER_TAG = "!number"
BASES = {"0x": 16, "0b": 2, "0o": 8}
INTEGER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
NO_NUMBER_OF_JSON = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
INTEGERS_OF_GO = range(-(2**63), 2**63)
LONGEST_INTEGER = 70
"""64 binary digits, with their sign and prefix. What is beyond is a fraction, or a text when it is beyond fractions too."""
LARGEST_PLAIN = 1e21
"""From here on Go writes numbers with an exponent, also whole ones."""


def _integer(text: str) -> int:
    digits = text.lstrip("+-").lower()
    octal = 8 if digits.startswith("0") and len(digits) > 1 else 10
    value = int(digits, BASES.get(digits[:2], octal))
    return -value if text.startswith("-") else value


def _number(loader: _Loader, node: yaml.ScalarNode) -> int | float | str:
    """What begins like a number: an integer, a fraction, or after all a text."""
    text = str(node.value)
    if NO_NUMBER_OF_JSON.fullmatch(text):
        raise yaml.constructor.ConstructorError(None, None, f"{text} is no number that JSON has", node.start_mark)
    plain = text.replace("_", "")
    if INTEGER.fullmatch(plain) and len(plain) <= LONGEST_INTEGER:
        value = _integer(plain)
        if value in INTEGERS_OF_GO:
            return value
    if not FLOAT.fullmatch(plain) or math.isinf(float(plain)):
        return text
    fraction = float(plain)
    return int(fraction) if fraction.is_integer() and abs(fraction) < LARGEST_PLAIN else fraction


def _key(value: Any) -> Any:
    """A key as JSON has it: a text."""
    return json.dumps(value) if isinstance(value, bool | int | float) else value


def _mapping(loader: _Loader, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:null":
            raise yaml.constructor.ConstructorError(None, None, "a key must be a text", key.start_mark)
        if key.value in seen:
            raise yaml.constructor.ConstructorError(None, None, f"key '{key.value}' stands twice", key.start_mark)
        seen.add(key.value)
    return {_key(key): value for key, value in yaml.SafeLoader.construct_mapping(loader, node, deep=True).items()}


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """PyYAML's, less those that Go's parser has not or has otherwise."""
    other = {f"tag:yaml.org,2002:{name}" for name in ("bool", "int", "float", "timestamp", "value")}
    kept = yaml.SafeLoader.yaml_implicit_resolvers.items()
    return {first: [(tag, pattern) for tag, pattern in value if tag not in other] for first, value in kept}


_Loader.yaml_implicit_resolvers = _resolvers()
_Loader.add_implicit_resolver(NUMBER_TAG, re.compile(r"[-+.0-9]"), list("-+0123456789."))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool",
    re.compile(r"(y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$"),
    list("yYnNtTfFoO"),
)
_Loader.bool_values = {**yaml.SafeLoader.bool_values, "y": True, "n": False}
_Loader.add_constructor(NUMBER_TAG, _number)
_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _lines(node: yaml.Node | None, path: str, found: dict[str, int]) -> dict[str, int]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = f"{path}.{key.value}" if path else str(key.value)
            found[inner] = key.start_mark.line + 1
            _lines(value, inner, found)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            inner = f"{path}[{index}]"
            found[inner] = value.start_mark.line + 1
            _lines(value, inner, found)
    return found


def parse(text: str, source: str) -> list[Document]:
    """The objects of a file, not yet checked; a document without content is none. Raises BadManifest for what is no YAML."""
    try:
        documents = [
            Document(source, body, _lines(node, "", {}))
            for node in yaml.compose_all(text, Loader=_Loader)
            if node is not None and (body := _constructed(node)) is not None
        ]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadManifest([f"{source}:{line}: not valid YAML: {error.problem}"]) from error
    except yaml.YAMLError as error:
        raise BadManifest([f"{source}: not valid YAML: {str(error).splitlines()[0]}"]) from error
    except RecursionError as error:
        raise BadManifest([f"{source}: is nested too deeply"]) from error
    if not documents:
        raise BadManifest([f"{source}: is empty"])
    return documents


def _constructed(node: yaml.Node) -> Any:
    """The value of one document. What a tag such as !!int promises and its text does not keep, PyYAML raises as it comes."""
    try:
        return _Loader("").construct_document(node)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise yaml.constructor.ConstructorError(
            None, None, "a value is not of the type that its tag names: leave tags such as !!int out", node.start_mark
        ) from error


def _place(document: Document, sentence: str) -> str:
    """`file:line: sentence`, by the longest known path at the sentence's beginning."""
    path = sentence.partition(":")[0]
    while path and path not in document.lines:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return f"{document.source}:{document.lines.get(path, 1)}: {sentence}"


def faults(document: Document) -> list[str]:
    """Everything that is wrong with one object."""
    body = document.body
    if not isinstance(body, dict) or not isinstance(body.get("kind"), str):
        return [f"{document.source}:1: is no Kubernetes object: apiVersion, kind, metadata and spec are needed"]
    kind = next((kind for kind in KINDS if kind.kind == body["kind"]), None)
    if body.get("apiVersion") != API_VERSION or kind is None:
        known = " or ".join(kind.kind for kind in KINDS)
        return [
            _place(
                document,
                f"kind: '{body.get('apiVersion')}, {body['kind']}' is unknown; expected {API_VERSION}, {known}",
            )
        ]
    found = _metadata_faults(body)
    unknown = sorted(set(body) - {"apiVersion", "kind", "metadata", "spec", "status"})
    found += [f"{key}: unknown field; known here: apiVersion, kind, metadata, spec" for key in unknown]
    found += _spec_faults(kind.spec, body.get("spec"))
    return [_place(document, sentence) for sentence in found]


def _metadata_faults(body: dict[str, Any]) -> list[str]:
    metadata = body.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str):
        return ["metadata.name: is required"]
    return (
        []
        if len(name) <= LONGEST_NAME and NAME.match(name)
        else [f"metadata.name: {NAME_RULE[1].removeprefix('metadata.name ')} (got '{name}')"]
    )


def _spec_faults(model: type[BaseModel], spec: Any) -> list[str]:
    if not isinstance(spec, dict):
        return ["spec: is required"]
    try:
        model.model_validate(spec)
    except ValidationError as error:
        return sentences(model, error)
    return []


def read(filename: str) -> list[Document]:
    """Read and check a file (`-` is standard input). Raises BadManifest with all faults of all its objects."""
    source = "standard input" if filename == "-" else filename
    try:
        text = sys.stdin.read() if filename == "-" else Path(filename).read_text(encoding="utf-8")
    except OSError as error:
        raise BadManifest([f"{source}: {(error.strerror or str(error)).lower()}"]) from error
    except UnicodeDecodeError as error:
        raise BadManifest([f"{source}: is not UTF-8 text"]) from error
    documents = parse(text, source)
    found = [fault for document in documents for fault in faults(document)]
    if found:
        raise BadManifest(found)
    return documents


def read_job(filename: str) -> Document:
    """The one FineTuneJob of a file."""
    jobs = [document for document in read(filename) if document.kind == "FineTuneJob"]
    if len(jobs) != 1:
        raise BadManifest([f"{filename}: has {len(jobs)} FineTuneJobs; this command takes one"])
    return jobs[0]
