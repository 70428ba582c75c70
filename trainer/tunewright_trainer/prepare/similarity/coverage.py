"""Which held-out rows stand piecewise in the training rows: the share of their word 8-grams found there.

Four passes over the corpus, each in bounded memory:
1. the 8-grams of the held-out rows go into a bit map;
2. of the training rows, those found there go into a second one (all others cannot matter); it is thereby so thinly filled that it
   hardly ever says yes wrongly: for 0.2 % of 8-grams at a million rows of 200 words, a fifth of them held out, for 4 % at three million;
3. held-out rows of which half or more is found in the second map are examined: at most 20,000, evenly drawn;
4. the training rows that had hits are held against their 8-grams themselves: no longer by bits.
8-grams that stand in more than ten training rows are a turn of phrase or a template, and count for nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.records import Record
from tunewright_trainer.prepare.similarity.bitmap import BitMap
from tunewright_trainer.prepare.similarity.grams import Grams, grams
from tunewright_trainer.prepare.similarity.template import find_template
from tunewright_trainer.prepare.similarity.texts import whole_text
from tunewright_trainer.prepare.similarity.words import Hashes, hash_words

GRAM = 8
COVERED = 0.5
FEWEST_GRAMS = 8
"""A row of fewer than 15 words has too few 8-grams to say anything by them."""
MOST_ROWS_SHARING = 10
MOST_EXAMINED = 20_000
_FEWEST_HITS = 4
_BLOCK_ROWS = 500

Numbers = NDArray[np.int64]
Read = Callable[[Numbers], Iterator[tuple[Numbers, Grams]]]


@dataclass(frozen=True)
class Coverage:
    """What was found."""

    looked_at: int
    """Held-out rows that are long enough."""
    covered: Numbers
    """Held-out rows of which half or more stands in training rows, ascending."""
    carriers: dict[int, int]
    """Training row -> a held-out row of which it holds half or more by itself."""


def measure_coverage(corpus: Corpus, held: NDArray[np.bool_], trained: NDArray[np.bool_], words: int) -> Coverage:
    """`words`: about how many words the held-out rows have together."""
    return _Measurement(corpus, np.flatnonzero(held), np.flatnonzero(trained), words).run()


class _Measurement:
    def __init__(self, corpus: Corpus, held: Numbers, trained: Numbers, words: int) -> None:
        self._corpus, self._held, self._trained = corpus, held, trained
        self._template = find_template(corpus, whole_text, GRAM).hashes
        self._wanted = BitMap(words)
        # A fiftieth of the training rows' 8-grams pass the first map by chance: a quarter of its size is room enough.
        self._met = BitMap(words // 4)

    def run(self) -> Coverage:
        """All passes."""
        looked_at = self._collect()
        promising = self._meet()
        suspects = self._suspects()
        if not len(suspects):
            return Coverage(looked_at, suspects, {})
        examined = _Examined.of(suspects, self._grams_of)
        examined.count(self._grams_of(promising))
        return examined.coverage(looked_at, self._grams_of(promising))

    def _grams_of(self, numbers: Numbers) -> Iterator[tuple[Numbers, Grams]]:
        """Rows, a block at a time, and their 8-grams; those of the template, and of rows too short, are left out."""
        for first in range(0, len(numbers), _BLOCK_ROWS):
            block = numbers[first : first + _BLOCK_ROWS]
            records: list[Record] = [self._corpus.record(int(number)) for number in block]
            found = grams(hash_words([whole_text(record) for record in records]), GRAM)
            yield block, found.less(self._template) if len(self._template) else found

    def _collect(self) -> int:
        looked_at = 0
        for _, found in self._grams_of(self._held):
            looked_at += int((np.diff(found.offsets) >= FEWEST_GRAMS).sum())
            self._wanted.add(found.hashes)
        return looked_at

    def _meet(self) -> Numbers:
        """Fill the second map; the training rows that had hits."""
        promising = []
        for block, found in self._grams_of(self._trained):
            hits = self._wanted.has(found.hashes)
            self._met.add(found.hashes[hits])
            promising.append(block[np.bincount(found.rows[hits], minlength=len(block)) >= _FEWEST_HITS])
        return np.concatenate([np.empty(0, np.int64), *promising])

    def _suspects(self) -> Numbers:
        suspects = []
        for block, found in self._grams_of(self._held):
            sizes = np.diff(found.offsets)
            hits = np.bincount(found.rows[self._met.has(found.hashes)], minlength=len(block))
            suspects.append(block[(sizes >= FEWEST_GRAMS) & (hits >= COVERED * sizes)])
        every = np.concatenate([np.empty(0, np.int64), *suspects])
        if len(every) <= MOST_EXAMINED:
            return every
        return every[np.linspace(0, len(every) - 1, MOST_EXAMINED).astype(np.int64)]


class _Examined:
    """The 8-grams of suspected rows, sorted by hash, each once for each row (owner) that has it."""

    def __init__(self, rows: Numbers, hashes: Hashes, owners: Numbers) -> None:
        order = np.lexsort((owners, hashes))
        self._rows, self._owners = rows, owners[order]
        self._hashes, self._slot = np.unique(hashes[order], return_inverse=True)
        self._begins = np.concatenate((np.flatnonzero(np.diff(self._slot, prepend=-1)), [len(self._slot)]))
        self._sharing = np.zeros(len(self._hashes), np.int64)
        """Training rows that have each 8-gram."""

    @classmethod
    def of(cls, rows: Numbers, read: Read) -> "_Examined":
        """Read the suspects once more."""
        hashes, owners, first = [], [], 0
        for block, found in read(rows):
            pairs = np.unique(np.rec.fromarrays((found.rows + first, found.hashes)))
            owners.append(pairs["f0"])
            hashes.append(pairs["f1"])
            first += len(block)
        return cls(rows, np.concatenate(hashes), np.concatenate(owners))

    def count(self, blocks: Iterator[tuple[Numbers, Grams]]) -> None:
        """In how many training rows each 8-gram stands."""
        for _, found in blocks:
            for index in range(len(found.offsets) - 1):
                self._sharing[self._slots(found.of(index))] += 1

    def coverage(self, looked_at: int, blocks: Iterator[tuple[Numbers, Grams]]) -> Coverage:
        """Which rows are covered by rare 8-grams, and which training rows cover half of one by themselves."""
        is_rare = self._sharing <= MOST_ROWS_SHARING
        met = is_rare & (self._sharing > 0)
        sizes = np.bincount(self._owners, weights=is_rare[self._slot], minlength=len(self._rows))
        hits = np.bincount(self._owners, weights=met[self._slot], minlength=len(self._rows))
        enough = sizes >= FEWEST_GRAMS
        covered = self._rows[enough & (hits >= COVERED * sizes)]
        carriers: dict[int, int] = {}
        for block, found in blocks:
            for index, number in enumerate(block.tolist()):
                slots = self._slots(found.of(index))
                owner = self._half_held(slots[is_rare[slots]], sizes, enough)
                if owner is not None:
                    carriers[number] = int(self._rows[owner])
        return Coverage(looked_at, covered, carriers)

    def _slots(self, hashes: Hashes) -> Numbers:
        """Places of those hashes, each once, that are ours."""
        unique = np.unique(hashes)
        places = np.minimum(np.searchsorted(self._hashes, unique), len(self._hashes) - 1)
        found: Numbers = places[self._hashes[places] == unique]
        return found

    def _half_held(self, slots: Numbers, sizes: NDArray[Any], enough: NDArray[np.bool_]) -> int | None:
        if not len(slots):
            return None
        owners = np.concatenate([self._owners[self._begins[slot] : self._begins[slot + 1]] for slot in slots])
        present, counts = np.unique(owners, return_counts=True)
        held = enough[present] & (counts >= COVERED * sizes[present])
        return int(present[held][0]) if held.any() else None
