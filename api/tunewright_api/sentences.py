"""Turns pydantic's errors into one sentence a fault: where, what was wrong, what was expected, the nearest known name."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError


def _path(location: Iterable[int | str]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")


def _models_within(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_within(argument)]


def _known_names(model: type[BaseModel], location: Iterable[int | str]) -> list[str]:
    """The field names that would have been right at `location`."""
    current = model
    for part in location:
        if isinstance(part, int):
            continue
        by_alias = {field.alias or name: field for name, field in current.model_fields.items()}
        inner = _models_within(by_alias[part].annotation) if part in by_alias else []
        if not inner:
            return []
        current = inner[0]
    return sorted(field.alias or name for name, field in current.model_fields.items())


def _sentence(model: type[BaseModel], error: Mapping[str, Any], root: str) -> str:
    location = error["loc"]
    where = ".".join(filter(None, (root, _path(location)))) or root
    kind, message = str(error["type"]), str(error["msg"])
    if kind == "extra_forbidden":
        known = _known_names(model, location[:-1])
        near = get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
        advice = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
        return f"{where}: unknown field; {advice}"
    if kind == "missing":
        return f"{where}: is required"
    if kind == "value_error":
        return f"{where}: {message.removeprefix('Value error, ')}"
    given = error.get("input")
    shown = f" (got {given!r})" if isinstance(given, str | int | float | bool) and len(repr(given)) < 80 else ""
    return f"{where}: {message[:1].lower()}{message[1:]}{shown}"


def sentences(model: type[BaseModel], error: ValidationError, root: str = "spec") -> list[str]:
    """One sentence for each fault that pydantic found in a `model` that stands at `root`."""
    return [_sentence(model, detail, root) for detail in error.errors(include_url=False, include_context=False)]
