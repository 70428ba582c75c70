"""What is generated from the models is committed, current, and complete."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tunewright_api import crd
from tunewright_api.kinds import KINDS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("folder", ["crds", "charts/tunewright/crds"])
def test_committed_definitions_are_current(folder: str) -> None:
    assert crd.stale(ROOT / folder) == [], "run `make crds`"


def nodes(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from nodes(inner, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from nodes(schema["additionalProperties"], f"{path}{{}}")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_every_field_of_the_spec_is_documented_and_bounded(kind: Any) -> None:
    schema = crd.definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    for path, node in nodes(schema, "spec"):
        named = not path.endswith(("[]", "{}"))
        if named:
            assert node.get("description"), f"{path} has no description: kubectl explain would say nothing"
        if node.get("type") == "string" and "enum" not in node:
            assert "maxLength" in node, f"{path} has no maxLength: CEL cannot bound its cost"
        if node.get("type") == "array":
            assert "maxItems" in node, f"{path} has no maxItems"
