"""Puts a mark in place of what was found in a text. What was JSON before is JSON after, and what was mended is not found again."""

import json
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

MOST_ROUNDS = 8
_AFTER_KEY = re.compile(r"\"\s*:\s*$")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*')
_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)")


class Span(NamedTuple):
    """A found place of a text."""

    start: int
    end: int
    kind: str


Finder = Callable[[str], Iterable[Span]]
"""Finds spans in order, none over another."""
Mark = Callable[[str], str]
"""What to put in place of a kind."""


def apart(found: Iterable[Span], length: int) -> list[Span]:
    """The spans in order of place, without those that lie over one that was found earlier in the list."""
    taken = bytearray(length)
    kept = []
    for span in found:
        if not any(taken[span.start : span.end]):
            taken[span.start : span.end] = b"\1" * (span.end - span.start)
            kept.append(span)
    return sorted(kept)


def redacted(text: str, find: Finder, mark: Mark) -> tuple[str, int]:
    """The text with `mark(kind)` in place of each span, and how many there were."""
    places = 0
    # What stood beside a span can become one once the span is a mark. Each round leaves less to find; two are the most that was seen.
    for _ in range(MOST_ROUNDS):
        spans = list(find(text))
        if not spans:
            break
        text = _once(text, spans, mark)
        places += len(spans)
    return text, places


def _once(text: str, spans: list[Span], mark: Mark) -> str:
    new = _marked(text, spans, mark)
    if text.lstrip()[:1] in ("{", "[") and _is_json(text) and not _is_json(new):
        return _TOKEN.sub(lambda token: _marked_token(token, spans, mark), text)
    return new


def _marked(text: str, spans: list[Span], mark: Mark, *, in_token: bool = False) -> str:
    parts, position = [], 0
    for start, end, kind in spans:
        # A bare number behind a JSON key becomes a JSON text.
        is_bare = not in_token and _AFTER_KEY.search(text, max(0, start - 16), start)
        parts += [text[position:start], f'"{mark(kind)}"' if is_bare else mark(kind)]
        position = end
    return "".join([*parts, text[position:]])


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _marked_token(token: re.Match[str], spans: list[Span], mark: Mark) -> str:
    """A number or text of JSON with marks in it: quotes and escapes stay whole, and a number becomes a text."""
    inside = [span for span in spans if span.start < token.end() and token.start() < span.end]
    if not inside:
        return token[0]
    if token[0][0] != '"':
        return f'"{mark(inside[0].kind)}"'
    whole = [_clipped(span, token) for span in inside]
    return _marked(token[0], [span for span in whole if span.start < span.end], mark, in_token=True)


def _clipped(span: Span, token: re.Match[str]) -> Span:
    """The part of a span that lies between the quotes, from the beginning of an escape to the end of one."""
    start = max(span.start - token.start(), 1)
    end = min(span.end - token.start(), len(token[0]) - 1)
    for escape in _ESCAPE.finditer(token[0]):
        if escape.start() < start < escape.end():
            start = escape.start()
        if escape.start() < end < escape.end():
            end = escape.end()
    return Span(start, end, span.kind)
