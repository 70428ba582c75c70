"""The 3-grams that rows share because one template made them: a fixed instruction says nothing about whether two rows are alike.

Without this, rows of one long instruction and a short text of their own would all be near-duplicates of each other, and the
default Fix of contamination would leave nothing to train on."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.records import Record
from tunewright_trainer.prepare.similarity.grams import SHINGLE, Grams, grams
from tunewright_trainer.prepare.similarity.sets import Shingle, shingles_of
from tunewright_trainer.prepare.similarity.words import Hashes, hash_words

SAMPLE = 2000
"""Rows looked at, evenly over the corpus: 0.2 s."""
FEWEST_ROWS = 40
"""Below, nothing can be said about what is common."""
COMMON_SHARE = 0.01
"""A 3-gram in this share of the sample, and in ten rows of it, is common. Ordinary prose has few such; a template has nothing else."""
_FEWEST_SHARING = 10
TEMPLATE_SHARE = 0.2
"""When common 3-grams are this share of all, the rows are made by templates; below, nothing is taken away."""


@dataclass(frozen=True)
class Template:
    """What the rows have in common, as texts and (sorted) as hashes."""

    shingles: frozenset[Shingle] = frozenset()
    hashes: Hashes = field(default_factory=lambda: np.empty(0, np.uint64))

    def strip(self, found: Grams) -> Grams:
        """3-grams of rows less those of the template."""
        return found.own(self.hashes)


def find_template(corpus: Corpus, text: Callable[[Record], str], size: int = SHINGLE) -> Template:
    """What at least a hundredth of the rows have in common, if that makes up a fifth of an average row."""
    if len(corpus) < FEWEST_ROWS:
        return Template()
    numbers = range(0, len(corpus), max(len(corpus) // SAMPLE, 1))
    counts: Counter[Shingle] = Counter()
    for number in numbers:
        counts.update(shingles_of(text(corpus.record(number)), size))
    least = max(_FEWEST_SHARING, COMMON_SHARE * len(numbers))
    common = {shingle: count for shingle, count in counts.items() if count >= least}
    if sum(common.values()) < TEMPLATE_SHARE * counts.total():
        return Template()
    return Template(frozenset(common), _hashes(sorted(common), size))


def _hashes(shingles: list[Shingle], size: int) -> Hashes:
    words = hash_words([shingle.decode("utf-8", "surrogatepass") for shingle in shingles])
    return np.unique(grams(words, size).hashes)
