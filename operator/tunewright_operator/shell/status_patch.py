"""The smallest merge patch from one status to the next. Fields that a newer version has written are left alone."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError


def merge_patch(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 7396: what to send so that `old` becomes `new`; empty when they are equal."""
    patch: dict[str, Any] = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            if inner := merge_patch(before, value):
                patch[key] = inner
        elif key not in old or before != value:
            patch[key] = value
    return patch


def status_patch(raw: Mapping[str, Any], model: type[BaseModel], new: Mapping[str, Any]) -> dict[str, Any]:
    """What to send so that the stored status becomes `new`."""
    stored = raw.get("status") or {}
    try:
        known = model.model_validate(stored).model_dump(mode="json", by_alias=True, exclude_none=True)
    except ValidationError:
        # Written by something else than any version of ours: replaced as a whole, or it would never be understood.
        known = dict(stored)
    absent_but_default = {key for key in known if key not in stored}
    return merge_patch({key: value for key, value in known.items() if key not in absent_but_default}, new)
