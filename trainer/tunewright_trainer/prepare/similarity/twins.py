"""For each row an earlier row that is nearly the same, if there is one: candidates from the buckets, each verified on the texts."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tunewright_trainer.prepare.similarity.buckets import Members, representatives
from tunewright_trainer.prepare.similarity.sets import Reader

SMALL_BUCKET = 16
"""Different rows of a bucket up to which each is compared with each; beyond, with the first `LEADERS` only."""
LEADERS = 4
COMPARISONS_A_ROW = 8
"""Bounds the time that made-up data can cost; ordinary data needs fewer than one."""
_COMPARISONS_ANYWAY = 10_000
_MOST_REFUTED = 200_000
"""Pairs remembered as different, so that another band does not read them again: 20 MB."""


class Twins:
    """Verified pairs: `of[row]` is an earlier row that is nearly the same, or the number of rows where there is none."""

    def __init__(self, rows: int, reader: Reader) -> None:
        self.none = rows
        self.of = np.full(rows, rows, np.uint32)
        self._reader = reader
        self._refuted: set[tuple[int, int]] = set()
        self._limit = COMPARISONS_A_ROW * rows + _COMPARISONS_ANYWAY

    @property
    def comparisons(self) -> int:
        """Pairs that were compared."""
        return self._reader.comparisons

    @property
    def is_spent(self) -> bool:
        """More pairs were to be compared than there is time for: rows may have been missed."""
        return self._reader.comparisons >= self._limit

    def among(self, bands: Iterator[Iterator[Members]], digests: NDArray[np.uint64]) -> None:
        """Compare the rows of each bucket with each other."""
        for buckets in bands:
            for members in buckets:
                groups = representatives(members, digests)
                leaders = SMALL_BUCKET if len(groups) <= SMALL_BUCKET else LEADERS
                for index in range(1, len(groups)):
                    self._match(groups[index], groups[: min(index, leaders)])

    def across(
        self,
        bands: Iterator[Iterator[Members]],
        digests: NDArray[np.uint64],
        held: NDArray[np.bool_],
        trained: NDArray[np.bool_],
    ) -> None:
        """Compare the training rows of each bucket with the held-out ones: these need not be earlier."""
        for buckets in bands:
            for members in buckets:
                of_training, held_out = members[trained[members]], members[held[members]]
                if not len(of_training) or not len(held_out):
                    continue
                others = representatives(held_out, digests)[:SMALL_BUCKET]
                for group in representatives(of_training, digests):
                    self._match(group, others)

    def _match(self, group: Members, others: list[Members]) -> None:
        """`group` holds exact copies of one row: what is true of the first is true of all."""
        if self.of[group[0]] != self.none:
            return
        twin = next((int(other[0]) for other in others if self._alike(int(other[0]), int(group[0]))), None)
        if twin is not None:
            self.of[group] = twin

    def _alike(self, one: int, other: int) -> bool:
        if (one, other) in self._refuted or self.is_spent:
            return False
        if self._reader.alike(one, other):
            return True
        if len(self._refuted) >= _MOST_REFUTED:
            self._refuted.clear()
        self._refuted.add((one, other))
        return False
