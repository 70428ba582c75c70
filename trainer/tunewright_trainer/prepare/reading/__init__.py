"""From a file to rows: JSON Lines and Parquet, plain or compressed, told apart by content and not by name.

`chunks` cuts in the parent process, `rows` reads in a worker. Every line that is not blank becomes a row or a problem; what spoils
the whole object is raised as `Unreadable`. Memory is that of one chunk, whatever the size of the object."""

from collections.abc import Iterator
from pathlib import Path

from tunewright_trainer.prepare.reading import lines, tables
from tunewright_trainer.prepare.reading.kinds import Compression, compression_of, is_parquet
from tunewright_trainer.prepare.reading.unreadable import Unreadable
from tunewright_trainer.prepare.records import Problem, RawRow

__all__ = ["Chunk", "Unreadable", "chunks", "rows"]

Chunk = lines.Lines | tables.Table


def chunks(path: Path) -> Iterator[Chunk | Problem]:
    """Pieces of about 1 MB, in order, and a problem for each row that is too long to be handed on. Raises `Unreadable`, a sentence that lacks its beginning: the object."""
    compression = compression_of(path)
    if compression is Compression.NONE and is_parquet(path):
        yield from tables.cut(path)
    else:
        yield from lines.cut(path, compression)


def rows(chunk: Chunk) -> Iterator[RawRow | Problem]:
    """One item for each row of the chunk, in order. Lines count from 1, blank ones too."""
    return lines.rows(chunk) if isinstance(chunk, lines.Lines) else tables.rows(chunk)
