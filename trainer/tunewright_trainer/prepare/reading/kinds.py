"""What kind of file it is, from its first bytes: names lie."""

from enum import StrEnum
from pathlib import Path

from tunewright_trainer.prepare.reading.unreadable import Unreadable

BOM = b"\xef\xbb\xbf"
GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
PARQUET = b"PAR1"
HEAD_BYTES = 1024
WANTED = "JSON Lines or Parquet"


class Compression(StrEnum):
    """How the bytes are packed."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


FOREIGN = (
    (b"\xff\xfe\x00\x00", "is text in UTF-32; save it as UTF-8"),
    (b"\x00\x00\xfe\xff", "is text in UTF-32; save it as UTF-8"),
    (b"\xff\xfe", "is text in UTF-16; save it as UTF-8"),
    (b"\xfe\xff", "is text in UTF-16; save it as UTF-8"),
    (b"PK\x03\x04", "is a ZIP archive (or a spreadsheet); upload the rows themselves, as JSON Lines or Parquet"),
    (b"BZh", "is packed with bzip2; pack it with gzip or zstd"),
    (b"\xfd7zXZ\x00", "is packed with xz; pack it with gzip or zstd"),
    (b"7z\xbc\xaf", "is a 7z archive; upload the rows themselves, as JSON Lines or Parquet"),
    (b"\x04\x22\x4d\x18", "is packed with LZ4; pack it with gzip or zstd"),
    (b"PARE", "is an encrypted Parquet file; save it without encryption"),
    (b"ARROW1", "is an Arrow file; save it as Parquet"),
    (b"ORC", "is an ORC file; save it as Parquet"),
    (b"Obj\x01", "is an Avro file; save it as Parquet"),
    (b"\x89HDF", "is an HDF5 file; save it as Parquet"),
    (b"SQLite format 3", "is an SQLite database; export the rows as JSON Lines"),
    (b"%PDF", "is a PDF document; rows are read from JSON Lines or Parquet"),
    (b"<", "is a web page or XML; rows are read from JSON Lines or Parquet"),
)
"""First bytes of files that are known and not read, with what to do."""


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def compression_of(path: Path) -> Compression:
    """How the file is packed."""
    head = _head(path)
    if head.startswith(GZIP):
        return Compression.GZIP
    return Compression.ZSTD if head.startswith(ZSTD) or _is_skippable_frame(head) else Compression.NONE


def _is_skippable_frame(head: bytes) -> bool:
    """Parallel packers begin with one."""
    return len(head) >= 4 and head[1:4] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F


def is_parquet(path: Path) -> bool:
    """Whether the file begins as Parquet does."""
    return _head(path).startswith(PARQUET)


def refuse_foreign(head: bytes, compression: Compression) -> None:
    """Raise when these first bytes, unpacked, are not those of JSON Lines."""
    packed = compression is not Compression.NONE
    if packed and head.startswith(PARQUET):
        raise Unreadable(
            f"is a Parquet file inside {compression}; Parquet packs its columns itself: upload it as it is"
        )
    if packed and head.startswith((GZIP, ZSTD)):
        raise Unreadable("is packed twice; pack it once, with gzip or zstd")
    if len(head) >= 262 and head[257:262] == b"ustar":
        raise Unreadable(f"is a tar archive; upload the files in it, as {WANTED}")
    for magic, verdict in FOREIGN:
        if head.startswith(magic):
            raise Unreadable(verdict)
    _refuse_other_text(head.removeprefix(BOM).lstrip())


def _refuse_other_text(head: bytes) -> None:
    if head[:1] == b"\x00" or head[1:2] == b"\x00":
        raise Unreadable("is text in UTF-16 or UTF-32, or no text; save it as UTF-8")
    if head.startswith(b"[") and head[1:].lstrip().startswith(b"{"):
        raise Unreadable("is one JSON array; write one object on each line, without brackets and commas: jq -c '.[]'")
    lines = [line.strip() for line in head.split(b"\n")[:2]]
    if lines[0] == b"{" and len(lines) > 1:
        raise Unreadable("holds JSON objects of several lines; write each object on one line: jq -c .")
    if len(lines) > 1 and not lines[0].startswith((b"{", b"[")) and not lines[1].startswith((b"{", b"[")):
        for mark, name in ((b",", "commas"), (b"\t", "tabs"), (b";", "semicolons")):
            if lines[0].count(mark) and lines[1].count(mark):
                raise Unreadable(f"is a table with {name} (CSV); save it as {WANTED}")
