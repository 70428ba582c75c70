"""JSON Lines: cut at the ends of lines in the parent, read line by line in a worker."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from tunewright_trainer.prepare.reading.kinds import BOM, HEAD_BYTES, Compression, refuse_foreign
from tunewright_trainer.prepare.reading.parsing import parsed
from tunewright_trainer.prepare.reading.unreadable import Unreadable
from tunewright_trainer.prepare.records import Problem, RawRow

CHUNK_BYTES = 1 << 20
LONGEST_ROW = 16 << 20
"""Bytes. No model reads that much, and a row is held in memory several times over."""


@dataclass(frozen=True)
class Lines:
    """Some whole lines of an object."""

    first_line: int
    data: bytes


class _Stream(Protocol):
    def read(self, size: int) -> bytes: ...


def too_long(length: int) -> str:
    """The reason for refusing a row of this many bytes."""
    return f"is {length >> 20} MiB long; a row can have {LONGEST_ROW >> 20} MiB at most"


def cut(path: Path, compression: Compression) -> Iterator[Lines | Problem]:
    """Chunks of whole lines; a line that is too long is passed over in pieces, and named."""
    line = 1
    # What has been read of a line whose end has not been seen yet.
    held: list[bytes] = []
    length = 0
    with _opened(path, compression) as stream:
        for block in _blocks(stream, compression, path):
            first, end = block.find(b"\n") + 1, block.rfind(b"\n") + 1
            if length + first > LONGEST_ROW and first:
                yield Problem(line, too_long(length + first))
                line, held, length, block, end = line + 1, [], 0, block[first:], end - first
            if end > 0:
                data = b"".join([*held, block[:end]])
                yield Lines(line, data)
                line, held, length, block = line + data.count(b"\n"), [], 0, block[end:]
            length += len(block)
            held = [*held, block] if length <= LONGEST_ROW else []
    if length > LONGEST_ROW:
        yield Problem(line, too_long(length))
    elif length:
        yield Lines(line, b"".join(held))


@contextmanager
def _opened(path: Path, compression: Compression) -> Iterator[_Stream]:
    if compression is Compression.NONE:
        with path.open("rb") as file:
            yield file
    else:
        with pa.CompressedInputStream(pa.OSFile(str(path)), str(compression)) as stream:
            yield stream


def _blocks(stream: _Stream, compression: Compression, path: Path) -> Iterator[bytes]:
    """The unpacked bytes without a byte order mark, after a look at the first of them."""
    first = _read(stream, compression)
    refuse_foreign(first[:HEAD_BYTES], compression)
    block = first.removeprefix(BOM)
    while block or first:
        if block:
            yield block
        first = block = _read(stream, compression)


def _read(stream: _Stream, compression: Compression) -> bytes:
    try:
        return stream.read(CHUNK_BYTES)
    except (OSError, pa.ArrowException) as error:
        if compression is Compression.NONE:
            raise
        how = "is cut short" if "Truncated" in str(error) else "is damaged, or has other bytes at its end"
        raise Unreadable(f"{how}: it cannot be unpacked as {compression} to its end; upload it again") from error


def rows(chunk: Lines) -> Iterator[RawRow | Problem]:
    """One item for each line that is not blank."""
    for number, line in enumerate(chunk.data.split(b"\n"), chunk.first_line):
        stripped = line.strip()
        if stripped:
            value = parsed(stripped)
            yield Problem(number, value) if isinstance(value, str) else RawRow(number, value)
