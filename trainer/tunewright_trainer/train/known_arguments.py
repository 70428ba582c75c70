"""Checks trainingArguments before a GPU is asked for: names and types as TRL's source states them, read without importing it (that takes torch, and seconds)."""

import ast
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tunewright_api.stages import Method, Stage
from tunewright_trainer.shell.errors import InvalidSpec

CONFIGS = {
    Method.SFT: ("SFTConfig", "trl/trainer/sft_config.py"),
    Method.DPO: ("DPOConfig", "trl/trainer/dpo_config.py"),
    Method.KTO: ("KTOConfig", "trl/trainer/kto_config.py"),
    Method.ORPO: ("ORPOConfig", "trl/experimental/orpo/orpo_config.py"),
    Method.REWARD: ("RewardConfig", "trl/trainer/reward_config.py"),
    Method.GRPO: ("GRPOConfig", "trl/trainer/grpo_config.py"),
    Method.RLOO: ("RLOOConfig", "trl/trainer/rloo_config.py"),
    Method.SDFT: ("SDFTConfig", "trl/experimental/sdft/sdft_config.py"),
    Method.DISTILLATION: ("DistillationConfig", "trl/trainer/distillation_config.py"),
}
BASES = ("transformers/training_args.py", "trl/trainer/base_config.py")
"""What the configs inherit from, the oldest first."""
WORDS: dict[str, tuple[str, tuple[type, ...]]] = {
    "bool": ("true or false", (bool,)),
    "int": ("a whole number", (int,)),
    "float": ("a number", (int, float)),
    "str": ("a text", (str,)),
    "dict": ("an object", (dict,)),
    "list": ("a list", (list,)),
    "None": ("null", (type(None),)),
}


@cache
def known_arguments(method: Method) -> dict[str, frozenset[str] | None]:
    """Names of the settings of the method's config, each with the names of its types; None where they are not plain ones."""
    found: dict[str, frozenset[str] | None] = {}
    for path in (*BASES, CONFIGS[method][1]):
        for node in ast.parse(_source(path)).body:
            if isinstance(node, ast.ClassDef) and node.name in {"TrainingArguments", "_BaseConfig", CONFIGS[method][0]}:
                found.update(_fields(node))
    return found


def _source(path: str) -> str:
    package, _, rest = path.partition("/")
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{package} is missing", name=package)
    return (Path(spec.origin).parent / rest).read_text()


def _fields(node: ast.ClassDef) -> dict[str, frozenset[str] | None]:
    return {
        statement.target.id: _types(statement.annotation)
        for statement in node.body
        if isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and "init=False" not in (ast.unparse(statement.value) if statement.value else "")
        and "ClassVar" not in ast.unparse(statement.annotation)
    }


def _types(annotation: ast.expr) -> frozenset[str] | None:
    """`dict[str, Any] | str | None` -> dict, str, None."""
    if isinstance(annotation, ast.BinOp):
        left, right = _types(annotation.left), _types(annotation.right)
        if left is None or right is None:
            # `OptimizerNames | str`: JSON can only give the text.
            known = left or right or frozenset()
            return known if "str" in known else None
        return left | right
    if isinstance(annotation, ast.Subscript):
        return _types(annotation.value)
    name = ast.unparse(annotation)
    return frozenset({name}) if name in WORDS else None


def check_names_and_types(stage: Stage) -> None:
    """Raises InvalidSpec for the first setting that the method's config does not have, or has with another type."""
    if not stage.training_arguments:
        return
    known = known_arguments(stage.method)
    for key, value in stage.training_arguments.items():
        where = f"stages[{stage.name}].trainingArguments.{key[:60]}"
        if key not in known:
            near = get_close_matches(key, known, n=1, cutoff=0.5)
            advice = f"; did you mean {near[0]}?" if near else ""
            raise InvalidSpec(f"{where}: {CONFIGS[stage.method][0]} has no such setting{advice}")
        types = known[key]
        if types is not None and not any(_is(value, name) for name in types):
            wanted = " or ".join(WORDS[name][0] for name in sorted(types - {"None"}))
            raise InvalidSpec(f"{where}: must be {wanted}, not {_shown(value)}")


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "bool"
    return isinstance(value, WORDS[name][1])


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f"the text '{value[:40]}'"
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return "null" if value is None else str(value).lower()
