"""Reads the newest traffic and keeps only its lengths: no word of a prompt or an answer stays in memory, in a log or in a report."""

import json
from dataclasses import dataclass, field

from tunewright_api.sketch import Signal
from tunewright_monitor.storage import ObjectInfo, ObjectMissing, ObjectReader

SUFFIX = ".jsonl"
LARGEST_LISTING = 2000
"""Objects considered in one comparison: a writer that stores single rows still fills the default window."""
LARGEST_READ = 4 * 1024 * 1024
"""Of a larger object only the end is read, where the newest rows are; else one object could exceed the pod's memory."""

Lengths = tuple[int, int]
"""Characters of prompt and response."""


@dataclass(frozen=True)
class Window:
    """The newest rows, as lengths."""

    rows: list[Lengths] = field(default_factory=list)
    rejected: int = 0
    """Lines that are no {prompt, response} row of two texts."""

    @property
    def signals(self) -> dict[Signal, list[int]]:
        """The lengths of each signal."""
        return {
            Signal.PROMPT_CHARACTERS: [prompt for prompt, _ in self.rows],
            Signal.RESPONSE_CHARACTERS: [response for _, response in self.rows],
        }


def parse(data: bytes, *, cut: bool = False) -> Window:
    """The rows of one object, newest first. `cut`: the data begins in the middle of a line."""
    lines = data.split(b"\n")[1 if cut else 0 :]
    parsed = [_lengths(line) for line in reversed(lines) if line.strip()]
    rows = [lengths for lengths in parsed if lengths is not None]
    return Window(rows, len(parsed) - len(rows))


def _lengths(line: bytes) -> Lengths | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict):
        return None
    prompt, response = row.get("prompt"), row.get("response")
    if not isinstance(prompt, str) or not isinstance(response, str):
        return None
    return len(prompt.strip()), len(response.strip())


class TrafficReader:
    """Reads windows again and again; an object that has not changed is read once."""

    def __init__(self, reader: ObjectReader, prefix: str) -> None:
        self._reader = reader
        self._prefix = prefix
        self._known: dict[ObjectInfo, Window] = {}

    def newest(self, wanted: int) -> Window:
        """The newest `wanted` rows, fewer where there are fewer."""
        rows: list[Lengths] = []
        rejected = 0
        used: dict[ObjectInfo, Window] = {}
        for info in self._reader.newest(self._prefix, LARGEST_LISTING):
            if len(rows) >= wanted:
                break
            if not info.uri.endswith(SUFFIX):
                continue
            part = self._known.get(info) or self._read(info)
            used[info] = part
            rows += part.rows
            rejected += part.rejected
        self._known = used
        return Window(rows[:wanted], rejected)

    def _read(self, info: ObjectInfo) -> Window:
        start = max(0, info.size - LARGEST_READ)
        try:
            return parse(self._reader.read(info.uri, start), cut=start > 0)
        except ObjectMissing:
            # Deleted since the listing, by a retention rule perhaps: the same as never seen.
            return Window()
