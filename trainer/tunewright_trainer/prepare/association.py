"""Words of prompts that are tied to an outcome: counted in the rows of the outcome, held against a sample of all rows.

A word or pair of neighbouring words is *tied* when it is so much more frequent in the outcome's rows that chance is ruled out: Chernoff's
bound for the binomial tail, exp(-rows * KL(share, background)), stays under ERROR divided by the number of all words tested for all
outcomes (Bonferroni). It needs no table and is exact enough: it errs towards silence."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import log

import numpy as np
from numpy.typing import NDArray

from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.similarity.grams import Grams, grams
from tunewright_trainer.prepare.similarity.texts import prompt_text
from tunewright_trainer.prepare.similarity.words import Hashes, Numbers, hash_words

ERROR = 0.01
"""Probability that there is any false alarm by chance alone."""
BACKGROUND_ROWS = 10_000
_BLOCK_ROWS = 500
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """In how many of some rows each feature stands; sorted by feature."""

    features: Hashes
    rows: NDArray[np.int64]
    total: int

    def of(self, features: Hashes) -> NDArray[np.int64]:
        """Counts of these features; 0 for unknown ones."""
        if not len(self.features):
            return np.zeros(len(features), np.int64)
        places = np.minimum(np.searchsorted(self.features, features), len(self.features) - 1)
        return np.where(self.features[places] == features, self.rows[places], 0)

    def rate(self, features: Hashes) -> Floats:
        """Upper side of the share of rows: a feature that was not seen may stand in one row."""
        return (self.of(features) + 1) / (self.total + 1)


@dataclass(frozen=True)
class Prompts:
    """The features of some rows' prompts: single words, and pairs of neighbours; each once a row."""

    numbers: Numbers
    words: Grams
    pairs: Grams

    @cached_property
    def single(self) -> tuple[Hashes, Numbers]:
        """(word, index of its row), each once."""
        return _once(self.words)

    @cached_property
    def all(self) -> tuple[Hashes, Numbers]:
        """(word or pair, index of its row), each once."""
        (words, of_words), (pairs, of_pairs) = self.single, _once(self.pairs)
        return np.concatenate((words, pairs)), np.concatenate((of_words, of_pairs))

    def holding(self, feature: np.uint64) -> Numbers:
        """Indices of the rows that hold a feature."""
        features, rows = self.all
        return np.unique(rows[features == feature])


def read_prompts(corpus: Corpus, numbers: Numbers) -> Prompts:
    """Read the prompts of some rows back."""
    words = hash_words([prompt_text(corpus.record(int(number))) for number in numbers])
    return Prompts(numbers, grams(words, 1), grams(words, 2))


def read_blocks(corpus: Corpus, numbers: Numbers) -> Iterator[Prompts]:
    """The prompts of many rows, a block at a time."""
    for first in range(0, len(numbers), _BLOCK_ROWS):
        yield read_prompts(corpus, numbers[first : first + _BLOCK_ROWS])


def drawn(numbers: Numbers, most: int) -> Numbers:
    """At most so many of them, evenly."""
    if len(numbers) <= most:
        return numbers
    return numbers[np.linspace(0, len(numbers) - 1, most).astype(np.int64)]


def count_features(corpus: Corpus, numbers: Numbers) -> Counts:
    """In how many of these rows each feature stands."""
    parts = [block.all[0] for block in read_blocks(corpus, numbers)]
    features, rows = np.unique(np.concatenate([np.empty(0, np.uint64), *parts]), return_counts=True)
    return Counts(features, rows, len(numbers))


def evidence(found: NDArray[np.int64], total: int, rate: Floats) -> Floats:
    """-log of the bound on the probability that `total` rows hold a feature of this rate `found` times or more."""
    share = found / total
    with np.errstate(divide="ignore", invalid="ignore"):
        there = np.where(share > 0, share * np.log(share / rate), 0.0)
        absent = np.where(share < 1, (1 - share) * np.log((1 - share) / (1 - rate)), 0.0)
    return np.where(share > rate, total * (there + absent), 0.0)


def needed_evidence(tests: int) -> float:
    """What a feature must reach when so many are tested."""
    return log(max(tests, 1) / ERROR)


def _once(found: Grams) -> tuple[Hashes, Numbers]:
    order = np.lexsort((found.hashes, found.rows))
    hashes, rows = found.hashes[order], found.rows[order]
    new = np.concatenate(([True], (np.diff(hashes) != 0) | (np.diff(rows) != 0))) if len(hashes) else np.empty(0, bool)
    return hashes[new], rows[new]
