"""One line of JSON Lines: the object, or why there is none. Fast for good lines, in words for bad ones."""

import json
import math
from typing import Any

import orjson

DEEPEST = 100
"""Levels of nesting; what writes and renders rows later is recursive."""


class _Refused(ValueError):
    """A line that a JSON parser would take, and we do not."""


def parsed(line: bytes) -> dict[str, Any] | str:
    """The object, or the reason why there is none; it quotes no more of the line than a key."""
    try:
        value = orjson.loads(line)
        if type(value) is dict and _says_all(line, value):
            return value
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        pass
    return _parsed_with_reasons(line)


def _says_all(line: bytes, value: dict[str, Any]) -> bool:
    """Whether nothing was lost and nothing is too deep. orjson keeps the last of two equal keys: the line then has more quotation marks than what was made of it."""
    if b"\\u0022" in line or line.count(b'"') != orjson.dumps(value).count(b'"'):
        return False
    return line.count(b"{") + line.count(b"[") <= DEEPEST or not is_too_deep(value)


def is_too_deep(value: object) -> bool:
    """Whether lists and objects are nested in more than `DEEPEST` levels."""
    level: list[object] = [value]
    for _ in range(DEEPEST):
        inner = [item for item in level if isinstance(item, dict | list)]
        if not inner:
            return False
        level = [part for item in inner for part in (item.values() if isinstance(item, dict) else item)]
    return any(isinstance(item, dict | list) for item in level)


def _parsed_with_reasons(line: bytes) -> dict[str, Any] | str:
    try:
        text = line.decode()
        value = json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_whole,
        )
    except UnicodeDecodeError as error:
        return f"byte {error.start + 1} is not UTF-8; save the file as UTF-8"
    except _Refused as error:
        return str(error)
    except json.JSONDecodeError as error:
        return _syntax(line, error)
    except RecursionError:
        return "nested too deeply"
    if not isinstance(value, dict):
        return f"is a JSON {_json_type(value)}; each line must be one JSON object"
    if is_too_deep(value):
        return "nested too deeply"
    if "\\ud" in text.lower() and not _is_encodable(value):
        return "holds half of a surrogate pair (\\ud800 to \\udfff), which is no character; write the character itself"
    return value


def _syntax(line: bytes, error: json.JSONDecodeError) -> str:
    if error.msg == "Extra data" and b"\r" in line:
        return "ends its lines with a carriage return alone; save the file with line feeds"
    return f"not valid JSON at column {error.colno} ({error.msg}); each line must be one complete JSON object"


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _Refused(f"key '{printable(next(key for key in keys if keys.count(key) > 1))}' stands twice")
    return value


def _no_constant(name: str) -> Any:
    raise _Refused(f"{name} is not JSON; write null or a number")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _Refused("holds a number that is too large; write it as a text")
    return value


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        # Python reads no more than 4300 digits.
        raise _Refused("holds a number that is too large; write it as a text") from error


def _is_encodable(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _json_type(value: object) -> str:
    names = {list: "array", str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}
    return names[type(value)]


def printable(name: str) -> str:
    """A column's or key's name as a sentence can quote it: short, and of characters that can be written down."""
    return name[:40].encode(errors="replace").decode()
