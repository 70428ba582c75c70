"""A set of hashes of fixed size: two bits each (a Bloom filter). What was added is always found; what was not, sometimes."""

from math import exp

import numpy as np

from tunewright_trainer.prepare.similarity.words import Hashes

_SMALLEST, _LARGEST = 20, 29
"""128 kB to 64 MB."""
_BITS_A_HASH = 12
_HALF = np.uint64(32)


class BitMap:
    """Sized for the number of hashes that are expected; a larger number costs precision, not memory."""

    def __init__(self, expected: int) -> None:
        self.bits = min(max((expected * _BITS_A_HASH).bit_length(), _SMALLEST), _LARGEST)
        self._bytes = np.zeros(1 << (self.bits - 3), np.uint8)
        self._mask = np.uint64((1 << self.bits) - 1)
        self.added = 0

    def add(self, hashes: Hashes) -> None:
        """Set the bits of each."""
        self.added += len(hashes)
        for places in (hashes & self._mask, (hashes >> _HALF) & self._mask):
            np.bitwise_or.at(self._bytes, places >> np.uint64(3), _bit(places))

    def has(self, hashes: Hashes) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether the bits of each are set."""
        found = np.ones(len(hashes), bool)
        for places in (hashes & self._mask, (hashes >> _HALF) & self._mask):
            found &= (self._bytes[places >> np.uint64(3)] & _bit(places)) != 0
        return found

    @property
    def false_rate(self) -> float:
        """How often a hash that was not added is found."""
        return float((1 - exp(-2 * self.added / (1 << self.bits))) ** 2)


def _bit(places: Hashes) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.left_shift(np.uint8(1), (places & np.uint64(7)).astype(np.uint8))
