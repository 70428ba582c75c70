"""MinHash signatures of a batch, folded into band keys: two rows are candidates when any of their keys are equal.

BANDS bands of ROWS minima each. For two sets of Jaccard similarity J a band agrees with probability J^ROWS, so the pair becomes a
candidate with 1 - (1 - J^ROWS)^BANDS: 0.998 at J = 0.9025 (the least that a cosine of 0.95 allows), 0.53 at 0.7, 0.07 at 0.5.

Measured on one core of an AMD EPYC, rows of 200 words (1.3 kB), microseconds a row, the words' hashes (8 to 11) not counted:
| signature | us | |
|---|---|---|
| 64 minima, numpy, `minimum.reduceat` | 5.0 | chosen |
| 64 minima, rensa 0.5 (`digest_matrix_from_flat_token_hashes`, fed with our n-gram hashes) | 0.7 + 6.0 | it hands its matrix out as Python lists only |
| 128 bins of one permutation, numpy, `minimum.at` | 0.7 | rows of ten words fill few bins: bands copy each other, recall sinks |
rensa shingles nothing by itself: it takes sets of tokens. Python's splitting and hashing would cost more than all of the above."""

import numpy as np
from numpy.typing import NDArray

from tunewright_trainer.prepare.similarity.grams import Grams

Keys = NDArray[np.uint32]

BANDS = 9
ROWS = 7
_BLOCK_GRAMS = 1 << 14
"""N-grams that are permuted at once: 64 kB stay in the processor's first cache."""


def _odd_factors(count: int) -> NDArray[np.uint32]:
    """Multiplying by an odd number permutes the 32-bit numbers; the generator is defined by numpy to be the same for ever."""
    words = np.random.PCG64(0x7417).random_raw(count)
    return (words >> np.uint64(32)).astype(np.uint32) | np.uint32(1)


_FACTORS = _odd_factors(BANDS * ROWS)
_FOLD = np.uint64(0x9E3779B97F4A7C15)


def band_keys(grams: Grams, bands: int = BANDS) -> Keys:
    """One key for each text (row) and band (column)."""
    count = len(grams.offsets) - 1
    keys = np.empty((count, bands), np.uint32)
    halves = (grams.hashes >> np.uint64(32)).astype(np.uint32)
    first = 0
    while first < count:
        last = int(np.searchsorted(grams.offsets, grams.offsets[first] + _BLOCK_GRAMS, side="right")) - 1
        last = max(min(last, count), first + 1)
        begin = grams.offsets[first]
        keys[first:last] = _block_keys(halves[begin : grams.offsets[last]], grams.offsets[first:last] - begin, bands)
        first = last
    return keys


def _block_keys(hashes: NDArray[np.uint32], starts: NDArray[np.int64], bands: int) -> Keys:
    keys = np.empty((len(starts), bands), np.uint32)
    for band in range(bands):
        folded = np.full(len(starts), band + 1, np.uint64)
        for factor in _FACTORS[band * ROWS : (band + 1) * ROWS]:
            folded = (folded ^ np.minimum.reduceat(hashes * factor, starts)) * _FOLD
            folded ^= folded >> np.uint64(29)
        keys[:, band] = folded >> np.uint64(32)
    return keys
