"""Many objects, or one large one, onto scratch: side by side, hashed on the way, and going on where a connection broke."""

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from tunewright_trainer.shell import preemption
from tunewright_trainer.shell.errors import Preempted, StorageUnavailable
from tunewright_trainer.shell.storage import BLOCK_BYTES, ObjectInfo, ObjectStore

STREAMS = 8
"""Connections at once. On two cores more of them only wait for each other."""
PART_BYTES = 32 << 20
"""A larger object comes in several parts: stores give one connection a tenth of what a machine can take."""
MOST_AHEAD = 256
"""Small objects that wait for one before them."""
MOST_RESUMPTIONS = 5


@dataclass(frozen=True)
class Downloaded:
    """An object on scratch."""

    item: ObjectInfo
    path: Path
    sha256: str


def download_all(store: ObjectStore, wanted: Iterable[tuple[ObjectInfo, Path]]) -> Iterator[Downloaded]:
    """Download objects, and give them out in order as they are complete: as far ahead as keeps all connections busy, so that scratch need not hold all. The first failure ends it."""
    waiting = deque(wanted)
    ahead: deque[_Download] = deque()
    bytes_ahead = 0
    with ThreadPoolExecutor(STREAMS) as pool:
        try:
            while waiting or ahead:
                while waiting and bytes_ahead < STREAMS * PART_BYTES and len(ahead) < MOST_AHEAD:
                    item, path = waiting.popleft()
                    ahead.append(_Download(store, item, path, pool))
                    bytes_ahead += item.size
                done = ahead.popleft().result()
                bytes_ahead -= done.item.size
                yield done
        finally:
            pool.shutdown(cancel_futures=True)


class _Download:
    """One object on its way."""

    def __init__(self, store: ObjectStore, item: ObjectInfo, path: Path, pool: ThreadPoolExecutor) -> None:
        self._store, self._item, self._path = store, item, path
        self._hash = hashlib.sha256()
        path.parent.mkdir(parents=True, exist_ok=True)
        if not item.size:
            path.touch()
        starts = range(0, item.size, PART_BYTES)
        self._parts: list[Future[str]] = [pool.submit(self._fetch, start) for start in starts]

    def result(self) -> Downloaded:
        """Wait for the parts in order; those after the first are hashed while others are still coming."""
        versions = {
            part.result() if index == 0 else self._hashed(index, part) for index, part in enumerate(self._parts)
        }
        item = replace(self._item, version_id=self._item.version_id or max(versions, default=""))
        return Downloaded(item, self._path, self._hash.hexdigest())

    def _hashed(self, index: int, part: Future[str]) -> str:
        version = part.result()
        with self._path.open("rb") as file:
            file.seek(index * PART_BYTES)
            left = PART_BYTES
            while left and (block := file.read(min(left, BLOCK_BYTES))):
                self._hash.update(block)
                left -= len(block)
        return version

    def _fetch(self, start: int) -> str:
        """One part, from where it broke off if it did."""
        end = min(start + PART_BYTES, self._item.size)
        # Made by the first part that comes: on many disks, making a file takes longer than filling a small one.
        with open(self._path, "wb", buffering=0, opener=_open_or_make) as file:
            file.seek(start)

            def take(block: bytes) -> None:
                if preemption.stop_requested():
                    raise Preempted("stopped while downloading the data")
                left = memoryview(block)
                while left:
                    # A disk that is nearly full takes a part of a block without a word.
                    left = left[file.write(left) :]
                if start == 0:
                    self._hash.update(block)

            for resumption in range(MOST_RESUMPTIONS + 1):
                reached = file.tell()
                if resumption and reached == end:
                    return self._item.version_id
                try:
                    return self._store.read_into(self._item, reached, end - reached, take)
                except StorageUnavailable:
                    if file.tell() == reached or resumption == MOST_RESUMPTIONS:
                        raise
        raise AssertionError("unreachable")


def _open_or_make(path: str, _: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
