"""Puts a mark in place of what was found in a text. What was JSON before is JSON after, and what was mended is not found again."""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

_AFTER_KEY = re.compile(r"\"\s*:\s*$")


class Span(NamedTuple):
    """A found place of a text."""

    start: int
    end: int
    kind: str


Finder = Callable[[str], Iterable[Span]]
"""Finds spans in order, none over another."""


def apart(found: Iterable[Span], length: int) -> list[Span]:
    """The spans in order of place, without those that lie over one that was found earlier in the list."""
    taken = bytearray(length)
    kept = []
    for span in found:
        if not any(taken[span.start : span.end]):
            taken[span.start : span.end] = b"\1" * (span.end - span.start)
            kept.append(span)
    return sorted(kept)


def redacted(text: str, find: Finder, mark: Callable[[str], str]) -> tuple[str, int]:
    """The text with `mark(kind)` in place of each span, and how many there were."""
    places = 0
    # What stood beside a span can become one once the span is a mark; each round leaves less to find.
    while spans := list(find(text)):
        text = _once(text, spans, find, mark)
        places += len(spans)
    return text, places


def _once(text: str, spans: list[Span], find: Finder, mark: Callable[[str], str]) -> str:
    new = _marked(text, spans, mark)
    if text.lstrip()[:1] in ("{", "[") and _is_json(text) and not _is_json(new):
        return _json_marked(text, find, mark)
    return new


def _marked(text: str, spans: list[Span], mark: Callable[[str], str]) -> str:
    parts, position = [], 0
    for start, end, kind in spans:
        parts += [text[position:start], _mark_at(text, start, mark(kind))]
        position = end
    return "".join([*parts, text[position:]])


def _mark_at(text: str, start: int, mark: str) -> str:
    """A bare number after a JSON key becomes a JSON text."""
    return f'"{mark}"' if _AFTER_KEY.search(text, max(0, start - 16), start) else mark


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _json_marked(text: str, find: Finder, mark: Callable[[str], str]) -> str:
    """Redacts value by value, and writes the JSON anew: for bare numbers in lists, and the like."""

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {_marked(key, list(find(key)), mark): walk(item) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item) for item in value]
        if isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
            spans = list(find(str(value)))
            return _marked(str(value), spans, mark) if spans else value
        return value

    return json.dumps(walk(json.loads(text)), ensure_ascii=False)
