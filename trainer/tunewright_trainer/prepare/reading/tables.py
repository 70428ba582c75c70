"""Parquet: decoded batch by batch in the parent, made into rows in a worker."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tunewright_trainer.prepare.reading.column_types import refuse_types
from tunewright_trainer.prepare.reading.lines import CHUNK_BYTES, LONGEST_ROW, too_long
from tunewright_trainer.prepare.reading.parsing import printable
from tunewright_trainer.prepare.reading.unreadable import Unreadable
from tunewright_trainer.prepare.records import Problem, RawRow

BATCH_ROWS = 64
"""Rows that are decoded at once: few, for one long text in a dictionary can make each of them long."""
DAMAGED = (pa.ArrowException, OSError, ValueError, OverflowError)
"""What pyarrow raises over a file that is not whole, besides its own."""


@dataclass(frozen=True)
class Table:
    """Some rows, as an Arrow stream."""

    first_row: int
    data: bytes


def cut(path: Path) -> Iterator[Table | Problem]:
    """Chunks of about 1 MB; a row that is too long is left out, and named."""
    row, batches, length = 1, list[pa.RecordBatch](), 0
    for batch in _batches(path):
        for piece in _pieces(batch):
            if piece.nbytes > LONGEST_ROW:
                yield from _packed(row, batches)
                row += sum(held.num_rows for held in batches)
                yield Problem(row, too_long(piece.nbytes))
                row, batches, length = row + 1, [], 0
                continue
            batches.append(piece)
            length += piece.nbytes
            if length >= CHUNK_BYTES:
                yield from _packed(row, batches)
                row, batches, length = row + sum(held.num_rows for held in batches), [], 0
    yield from _packed(row, batches)


def _pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The batch, or its single rows where they are long."""
    if batch.nbytes <= LONGEST_ROW:
        yield batch
    else:
        yield from (batch.slice(index, 1) for index in range(batch.num_rows))


def _packed(row: int, batches: list[pa.RecordBatch]) -> Iterator[Table]:
    if batches:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batches[0].schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        yield Table(row, sink.getvalue().to_pybytes())


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    """All rows in order. Any fault of the file is the verdict on the whole of it: what follows a damaged page cannot be found."""
    try:
        file = pq.ParquetFile(path, buffer_size=CHUNK_BYTES, page_checksum_verification=True)
    except DAMAGED as error:
        raise Unreadable("is a Parquet file that is cut short or damaged; upload it again") from error
    with file:
        try:
            refuse_types(file.schema_arrow)
            expected, found = file.metadata.num_rows, 0
            # One row group after the other: in one go, the bytes of all groups that are done are kept.
            for group in range(file.metadata.num_row_groups):
                for batch in file.iter_batches(batch_size=BATCH_ROWS, row_groups=[group], use_threads=False):
                    found += batch.num_rows
                    yield batch
        except Unreadable:
            raise
        except DAMAGED as error:
            raise Unreadable("is a damaged Parquet file: not all of its rows can be read; upload it again") from error
    if found != expected:
        raise Unreadable(
            f"is a damaged Parquet file: it says that it has {expected} rows, and has {found}; upload it again"
        )


def rows(chunk: Table) -> Iterator[RawRow | Problem]:
    """One item for each row."""
    number = chunk.first_row
    with pa.ipc.open_stream(chunk.data) as reader:
        for batch in reader:
            for value in _values(batch):
                yield _row(number, value)
                number += 1


def _values(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | str]:
    """Each row, or why it has none."""
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:
        yield from (_value(batch.slice(index, 1)) for index in range(batch.num_rows))


def _value(row: pa.RecordBatch) -> dict[str, Any] | str:
    value: dict[str, Any] = {}
    for name, column in zip(row.schema.names, row.columns, strict=True):
        try:
            value[name] = column[0].as_py()
        except UnicodeDecodeError:
            return f"column '{printable(name)}' is not UTF-8; save the texts as UTF-8"
    return value


def _row(number: int, value: dict[str, Any] | str) -> RawRow | Problem:
    if isinstance(value, str):
        return Problem(number, value)
    cleaned: dict[str, Any] = {}
    for name, cell in value.items():
        try:
            cleaned[name] = _cleaned(cell)
        except UnicodeDecodeError:
            return Problem(number, f"column '{printable(name)}' is not UTF-8; save the texts as UTF-8")
        except ValueError as error:
            return Problem(number, f"column '{printable(name)}' {error}")
    return RawRow(number, cleaned)


def _cleaned(value: Any) -> Any:
    """A cell as JSON would have it. A struct has all fields of all rows: those without a value are absent."""
    if isinstance(value, dict):
        return {key: _cleaned(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, bytes):
        # Some writers store texts without saying that they are texts.
        return value.decode()
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("holds NaN or an infinite number, which are not JSON; write null or a number")
    return value
