"""From bytes to JSON objects, a line a row. Every line becomes a row or a problem, never nothing."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Problem:
    """Why a line cannot be used. Never quotes the row itself: rows may hold personal data, and this ends up in status."""

    source: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}: {self.reason}"


@dataclass(frozen=True)
class RawRow:
    """A line that is a JSON object."""

    source: str
    line: int
    value: dict[str, Any]


class _DuplicateKey(ValueError):
    pass


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    doubles = sorted({key for key in keys if keys.count(key) > 1})
    if doubles:
        raise _DuplicateKey(f"key '{doubles[0][:40]}' stands twice")
    return dict(pairs)


def _no_constant(name: str) -> Any:
    raise _DuplicateKey(f"{name} is not JSON; write null or a number")


def _parsed(line: bytes) -> dict[str, Any] | str:
    """The object, or the reason why there is none."""
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        return f"byte {error.start + 1} is not UTF-8; save the file as UTF-8"
    try:
        value = json.loads(text, object_pairs_hook=_object_without_duplicates, parse_constant=_no_constant)
    except _DuplicateKey as error:
        return str(error)
    except json.JSONDecodeError as error:
        return f"not valid JSON at column {error.colno} ({error.msg}); each line must be one complete JSON object"
    except RecursionError:
        return "nested too deeply"
    if "\\ud" in text.lower() and not _is_encodable(value):
        return "holds half of a surrogate pair (\\ud800 to \\udfff), which is no character; write the character itself"
    if not isinstance(value, dict):
        return f"is a JSON {_json_type(value)}; each line must be one JSON object"
    return value


def _is_encodable(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _json_type(value: Any) -> str:
    return {list: "array", str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}[
        type(value)
    ]


def read_rows(data: bytes, source: str) -> Iterator[RawRow | Problem]:
    """One item for each line that is not blank, in order. Line numbers count from 1 and count blank lines."""
    for number, line in enumerate(data.removeprefix(BOM).split(b"\n"), 1):
        stripped = line.strip()
        if not stripped:
            continue
        parsed = _parsed(stripped)
        yield Problem(source, number, parsed) if isinstance(parsed, str) else RawRow(source, number, parsed)
