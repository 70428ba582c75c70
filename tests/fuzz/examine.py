"""What must hold for any file whatever: no crash, no hang, and each row in is a row kept or a row named."""

import json
import uuid
from pathlib import Path

import pyarrow.parquet as pq

from tunewright_api.datasets import Dataset, DatasetFormat
from tunewright_api.stages import Method
from tunewright_trainer.prepare.formats import METHOD_FORMATS, Shape, convert, recognise
from tunewright_trainer.prepare.formats.base import Row
from tunewright_trainer.prepare.formats.recognition import FORMATS
from tunewright_trainer.prepare.reading import Unreadable, chunks, rows
from tunewright_trainer.prepare.records import BadRow, Problem, RawRow
from tunewright_trainer.shell.folders import canonical_json

SHAPES = [Shape(name, None, Method.SFT) for name in DatasetFormat if name is not DatasetFormat.AUTO]
DATASET = Dataset(uri="s3://fuzz/rows")
LONGEST_SENTENCE = 1000
_SCRATCH = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path("/tmp")
_FILE = _SCRATCH / f"tunewright-fuzz-{uuid.uuid4().hex}"


def examine(data: bytes) -> None:
    """Read these bytes as an object and convert its rows as every format. Raises AssertionError, or whatever was not caught."""
    _FILE.write_bytes(data)
    try:
        _examine(_FILE, data)
    finally:
        _FILE.unlink()


def _examine(path: Path, data: bytes) -> None:
    seen: list[RawRow | Problem] = []
    try:
        for piece in chunks(path):
            seen += [piece] if isinstance(piece, Problem) else rows(piece)
    except Unreadable as error:
        _check_sentence(str(error))
    else:
        assert len(seen) == _rows_in(path, data)
    assert [item.line for item in seen] == sorted({item.line for item in seen})
    kept = [item for item in seen if isinstance(item, RawRow)]
    _recognise(kept)
    for row in kept:
        _check_row(row)
    for problem in seen:
        if isinstance(problem, Problem):
            _check_sentence(problem.reason)


def _rows_in(path: Path, data: bytes) -> int:
    """Counted in another way than the reader's; -1 for kinds of files that have no second way."""
    if data.startswith(b"PAR1"):
        return int(pq.read_metadata(path).num_rows)
    if data.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
        data = _unpacked(data)
    return sum(1 for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip())


def _unpacked(data: bytes) -> bytes:
    import gzip

    import pyarrow as pa

    if data.startswith(b"\x1f\x8b"):
        return gzip.decompress(data)
    with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
        return bytes(stream.read())


def _recognise(kept: list[RawRow]) -> None:
    for method in Method if kept else ():
        try:
            name, reason = recognise([row.value for row in kept], method, DATASET)
        except BadRow as error:
            _check_sentence(str(error))
        else:
            assert name in METHOD_FORMATS[method]
            _check_sentence(reason)


def _check_row(row: RawRow) -> None:
    # All shapes would take most of the time; those that the row could be, and one more.
    cells = Row(row.value, {})
    likely = [shape for shape in SHAPES if FORMATS[shape.format].form_of(cells)]
    for shape in [*likely, SHAPES[row.line % len(SHAPES)]]:
        try:
            record = convert(row, shape)
        except BadRow as error:
            _check_sentence(str(error))
            continue
        assert record.examples
        for example in record.examples:
            # What is stored is JSON: no NaN, no half characters; and it says the same when it is read again.
            content = example.to_json("x:1")
            assert json.loads(canonical_json(content), parse_constant=_refuse) == content


def _check_sentence(sentence: str) -> None:
    """It can be written down, it is one line, and it fits into a status."""
    assert sentence
    assert len(sentence) <= LONGEST_SENTENCE
    sentence.encode()


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} was stored")
