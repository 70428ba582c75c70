"""Buckets of rows with an equal band key: the candidates for being alike.

Keys are spilled band by band and concluded band by band with one sort each, so that memory holds one band at a time."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.records import Record
from tunewright_trainer.prepare.similarity.grams import grams
from tunewright_trainer.prepare.similarity.signatures import BANDS, Keys, band_keys
from tunewright_trainer.prepare.similarity.spill import Spill
from tunewright_trainer.prepare.similarity.template import Template
from tunewright_trainer.prepare.similarity.words import hash_words

_BLOCK_ROWS = 1000

Members = NDArray[np.int64]


class BandColumns:
    """The band keys of all rows, a column for each band."""

    def __init__(self, folder: Path | None, bands: int = BANDS) -> None:
        self._columns = [Spill(folder, np.uint32) for _ in range(bands)]

    def append(self, keys: Keys) -> None:
        """Add the keys of one batch."""
        for band, column in enumerate(self._columns):
            column.append(keys[:, band])

    def buckets(self, classes: NDArray[np.integer], digests: NDArray[np.uint64]) -> Iterator[Iterator[Members]]:
        """For each band its buckets: rows of one class (such as stage and part) with one key, not all of one digest."""
        for column in self._columns:
            yield _buckets(column.read(), classes, digests)

    def discard(self) -> None:
        """Give the room back."""
        for column in self._columns:
            column.discard()


def signed_again(corpus: Corpus, folder: Path, text: Callable[[Record], str], template: Template) -> BandColumns:
    """Band keys of all rows without what their template has in common; costs a pass over the corpus, some 60 us a row."""
    columns = BandColumns(folder)
    for block in _blocks(corpus.records()):
        words = hash_words([text(record) for record in block])
        columns.append(band_keys(template.strip(grams(words))))
    return columns


def _blocks(records: Iterator[Record]) -> Iterator[Sequence[Record]]:
    block: list[Record] = []
    for record in records:
        block.append(record)
        if len(block) == _BLOCK_ROWS:
            yield block
            block = []
    if block:
        yield block


def _buckets(keys: Keys, classes: NDArray[np.integer], digests: NDArray[np.uint64]) -> Iterator[Members]:
    """In the order of their first rows: rows are read back from scratch from front to back."""
    if not len(keys):
        return
    joined = keys.astype(np.uint64) << np.uint64(16) | classes.astype(np.uint64)
    order = np.argsort(joined, kind="stable")
    joined = joined[order]
    is_same = joined[1:] == joined[:-1]
    differs = is_same & (digests[order[1:]] != digests[order[:-1]])
    starts = np.flatnonzero(np.concatenate(([True], ~is_same)))
    ends = np.append(starts[1:], len(keys))
    # A bucket of exact copies alone has nothing to verify.
    worth = np.diff(np.concatenate((np.zeros(1, np.int64), np.cumsum(differs)))[ends - 1], prepend=0) > 0
    starts, ends = starts[worth], ends[worth]
    for index in np.argsort(order[starts], kind="stable"):
        yield order[starts[index] : ends[index]]


def representatives(members: Members, digests: NDArray[np.uint64]) -> list[Members]:
    """Members by digest, each in order, the groups in the order of their first members: exact copies are compared once."""
    of_members = digests[members]
    order = np.argsort(of_members, kind="stable")
    cuts = np.flatnonzero(np.diff(of_members[order])) + 1
    groups = np.split(members[order], cuts)
    return sorted(groups, key=lambda group: int(group[0]))
