"""Word n-grams of a batch of texts, hashed: the binary sets that similarity is defined over."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewright_trainer.prepare.similarity.words import Hashes, Numbers, Words, mixed, offsets_of

SHINGLE = 3
"""Words of the n-grams that near-duplicates are compared by."""
FEWEST_OWN = 6
"""N-grams that a row must have besides those of its template; a row of fewer (one changed word makes three) is compared as it is."""
_ROTATION = np.uint64(23)
_FACTOR = np.uint64(0xD6E8FEB86659FD93)
_PADDING = np.uint64(0x2545F4914F6CDD1D)


@dataclass(frozen=True)
class Grams:
    """The n-grams of several texts, one after the other, not yet made unique."""

    hashes: Hashes
    offsets: Numbers

    @property
    def rows(self) -> Numbers:
        """For each n-gram, the index of its text."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def of(self, index: int) -> Hashes:
        """The n-grams of one text."""
        return self.hashes[self.offsets[index] : self.offsets[index + 1]]

    def less(self, common: Hashes) -> "Grams":
        """Without those that stand in `common` (sorted)."""
        return self._only(~self._are_in(common)) if common.size else self

    def own(self, common: Hashes) -> "Grams":
        """Without those that stand in `common` (sorted), except where a text would have next to none left."""
        if not common.size:
            return self
        rows = self.rows
        kept = ~self._are_in(common)
        count = np.bincount(rows[kept], minlength=len(self.offsets) - 1)
        return self._only(kept | (count < FEWEST_OWN)[rows])

    def _are_in(self, common: Hashes) -> NDArray[np.bool_]:
        places = np.minimum(np.searchsorted(common, self.hashes), common.size - 1)
        found: NDArray[np.bool_] = common[places] == self.hashes
        return found

    def _only(self, kept: NDArray[np.bool_]) -> "Grams":
        counts = np.bincount(self.rows[kept], minlength=len(self.offsets) - 1)
        return Grams(self.hashes[kept], offsets_of(counts))


def grams(words: Words, size: int = SHINGLE) -> Grams:
    """All n-grams of `size` words of each text; a text of fewer words is padded to one n-gram, so that no text is without."""
    words = _padded(words, size)
    counts = words.lengths - (size - 1)
    total = len(words.hashes) - (size - 1)
    if total <= 0:
        return Grams(np.empty(0, np.uint64), np.zeros(len(words.offsets), np.int64))
    hashes = words.hashes[:total].copy()
    for step in range(1, size):
        hashes = (hashes << _ROTATION | hashes >> (np.uint64(64) - _ROTATION)) * _FACTOR
        hashes ^= words.hashes[step : step + total]
    hashes = mixed(hashes)
    if len(counts) == 1:
        return Grams(hashes, offsets_of(counts))
    inside = np.ones(total, bool)
    last_words = words.offsets[1:-1]
    for back in range(1, size):
        inside[last_words - back] = False  # an n-gram does not reach into the next text
    return Grams(hashes[inside], offsets_of(counts))


def _padded(words: Words, size: int) -> Words:
    missing = np.maximum(size - words.lengths, 0)
    if not missing.any():
        return words
    places = np.repeat(words.offsets[1:], missing)
    return Words(np.insert(words.hashes, places, _PADDING), offsets_of(words.lengths + missing))
