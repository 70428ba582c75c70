"""Objects onto scratch: whole, in order, hashed, and going on where a connection broke."""

import hashlib
import random
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from tunewright_trainer.shell import downloads
from tunewright_trainer.shell.downloads import download_all
from tunewright_trainer.shell.errors import StorageUnavailable
from tunewright_trainer.shell.storage import FileStore, ObjectInfo

PART = 1000


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "PART_BYTES", PART)


class Fragile(FileStore):
    """Each connection breaks after so many bytes, as a network's may."""

    def __init__(self, bytes_a_connection: int) -> None:
        self.bytes_a_connection = bytes_a_connection

    def read_into(self, item: ObjectInfo, start: int, length: int, take: Callable[[bytes], object]) -> str:
        given = min(length, self.bytes_a_connection)
        super().read_into(item, start, given, take)
        if given < length:
            raise StorageUnavailable(f"{item.uri}: the connection broke")
        return "v1"


def objects(folder: Path, *sizes: int) -> tuple[list[tuple[ObjectInfo, Path]], list[bytes]]:
    contents = [random.Random(size).randbytes(size) for size in sizes]
    wanted = []
    for number, content in enumerate(contents):
        (folder / str(number)).write_bytes(content)
        wanted.append((ObjectInfo(f"file://{folder}/{number}", len(content)), folder / "to" / str(number) / "rows"))
    return wanted, contents


@pytest.mark.parametrize("bytes_a_connection", [10_000, 400])
def test_objects_arrive_whole_and_in_order(tmp_path: Path, bytes_a_connection: int) -> None:
    wanted, contents = objects(tmp_path, 0, 1, PART, PART + 1, 5 * PART + 7, *[30] * 40)
    found = list(download_all(Fragile(bytes_a_connection), wanted))
    assert [done.path.read_bytes() for done in found] == contents
    assert [done.sha256 for done in found] == [hashlib.sha256(content).hexdigest() for content in contents]
    assert [done.item.version_id for done in found] == ["", *["v1"] * (len(contents) - 1)]


def test_a_disk_that_takes_a_part_of_a_block_is_full_and_not_done(tmp_path: Path) -> None:
    """A limit of this process on the size of files stands for the disk's."""
    wanted, _ = objects(tmp_path, PART)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (PART // 2, limits[1]))
    try:
        with pytest.raises(StorageUnavailable, match="File too large"):
            list(download_all(FileStore(), wanted))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_connection_that_gives_nothing_is_not_asked_for_ever(tmp_path: Path) -> None:
    wanted, _ = objects(tmp_path, PART)
    with pytest.raises(StorageUnavailable, match="the connection broke"):
        list(download_all(Fragile(0), wanted))


def test_a_connection_that_gives_little_is_not_asked_for_ever(tmp_path: Path) -> None:
    wanted, _ = objects(tmp_path, PART)
    with pytest.raises(StorageUnavailable, match="the connection broke"):
        list(download_all(Fragile(10), wanted))
