"""Exact similarity of two texts: the cosine of their binary word 3-gram sets, less what rows share by template."""

from collections.abc import Callable
from functools import lru_cache
from math import sqrt

from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.records import Record
from tunewright_trainer.prepare.similarity.grams import FEWEST_OWN, SHINGLE
from tunewright_trainer.prepare.similarity.words import words_of

Shingle = bytes
"""Words, joined by a space; a text rather than a tuple, which the garbage collector would walk again and again."""
THRESHOLD = 0.95
_KEPT_SETS = 256
"""Sets kept while buckets are compared: some 25 kB each at 200 words."""


def shingles_of(text: str, size: int = SHINGLE) -> frozenset[Shingle]:
    """The set of word n-grams; of a text of fewer words the one, padded."""
    words = words_of(text)
    words += [b""] * (size - len(words))
    return frozenset(map(b" ".join, zip(*(words[start:] for start in range(size)), strict=False)))


def cosine(one: frozenset[Shingle], other: frozenset[Shingle]) -> float:
    """Cosine of two binary sets."""
    return len(one & other) / sqrt(len(one) * len(other))


class Reader:
    """Reads rows back by number, and compares them."""

    def __init__(self, corpus: Corpus, text: Callable[[Record], str], common: frozenset[Shingle] = frozenset()) -> None:
        """`text` says what of a record is compared; `common` is not."""
        self._corpus = corpus
        self._text = text
        self._common = common
        self._set = lru_cache(maxsize=_KEPT_SETS)(self._read)
        self.comparisons = 0

    def alike(self, one: int, other: int) -> bool:
        """Whether two rows are near-duplicates."""
        self.comparisons += 1
        return cosine(self._set(one), self._set(other)) >= THRESHOLD

    def _read(self, number: int) -> frozenset[Shingle]:
        found = shingles_of(self._text(self._corpus.record(number)))
        own = found - self._common
        return own if len(own) >= FEWEST_OWN else found
