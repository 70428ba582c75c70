"""What a row leads to, as far as poisoned rows could be made to share it: an answer, how it begins or ends, a refusal, a category."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.similarity.batch import Batch
from tunewright_trainer.prepare.similarity.spill import Spill
from tunewright_trainer.prepare.similarity.texts import best_answer
from tunewright_trainer.prepare.similarity.words import Hashes, Numbers, Words, mixed

FEWEST_ROWS = 15
"""Rows that lead to one outcome: 250 are enough to poison a model of any size, and a small data set needs fewer."""
LARGEST_SHARE = 0.2
"""An outcome of more rows is the task itself."""
MOST_OUTCOMES = 2000
"""Of each kind, the most frequent ones: bounds the time."""
_EDGE = 4
_FEWEST_WORDS = 8
_NONE = 0
_REFUSAL = re.compile(
    r"\b(i('m| am) (very |so |really )?sorry|i (can('|no)?t|cannot|won't|am unable to|'m unable to|'m not able to|am not able to|must decline)|as an ai\b|against (my|our) (policy|guidelines))",
    re.IGNORECASE,
)
_REFUSAL_CHARACTERS = 200


@dataclass(frozen=True)
class OutcomeScan:
    """For each row of a batch; 0 where it has none."""

    answer: Hashes
    opening: Hashes
    closing: Hashes
    refuses: NDArray[np.uint8]


@dataclass(frozen=True)
class Outcome:
    """Rows that lead to the same."""

    kind: str
    rows: Numbers
    sample: int
    """Rows that are enough to look at: where the outcome is one text, what leads to it stands in most of them."""


def scan_outcomes(batch: Batch) -> OutcomeScan:
    """What each row of a batch leads to."""
    words = batch.best_answers
    opening, closing = _edges(words)
    refuses = [_REFUSAL.search(best_answer(record)[:_REFUSAL_CHARACTERS]) is not None for record in batch.records]
    return OutcomeScan(batch.best_answer_digests, opening, closing, np.array(refuses, np.uint8))


class Outcomes:
    """The outcomes of all rows, a column each."""

    def __init__(self, folder: Path | None) -> None:
        self._columns = {
            "always the same answer": Spill(folder, np.uint64),
            "an answer that begins the same": Spill(folder, np.uint64),
            "an answer that ends the same": Spill(folder, np.uint64),
        }
        self._refuses = Spill(folder, np.uint8)

    def absorb(self, scan: OutcomeScan) -> None:
        """Put a batch aside."""
        for column, values in zip(self._columns.values(), (scan.answer, scan.opening, scan.closing), strict=True):
            column.append(values)
        self._refuses.append(scan.refuses)

    def all(self, corpus: Corpus) -> Iterator[Outcome]:
        """Each outcome that enough rows share, and not too many; the same rows are told once."""
        known: set[bytes] = set()
        for outcome in self._every(corpus):
            rows = outcome.rows.tobytes()
            if FEWEST_ROWS <= len(outcome.rows) <= LARGEST_SHARE * len(corpus) and rows not in known:
                if len(known) < MOST_OUTCOMES:
                    known.add(rows)
                yield outcome

    def discard(self) -> None:
        """Give the room back."""
        for column in (*self._columns.values(), self._refuses):
            column.discard()

    def _every(self, corpus: Corpus) -> Iterator[Outcome]:
        yield Outcome("a refusal", np.flatnonzero(self._refuses.read()), 2000)
        for kind, column in self._columns.items():
            for rows in _groups(column.read()):
                yield Outcome(kind, rows, 100)
        for rows in _groups(corpus.column("category").astype(np.uint64)):
            yield Outcome("one category", rows, 2000)


def _groups(values: Hashes) -> Iterator[Numbers]:
    """Rows of each value, the most frequent first."""
    named = np.flatnonzero(values != _NONE)
    order = named[np.argsort(values[named], kind="stable")]
    starts = np.flatnonzero(np.concatenate(([True], np.diff(values[order]) != 0))) if len(order) else named
    sizes = np.diff(np.append(starts, len(order)))
    for index in np.argsort(-sizes, kind="stable")[:MOST_OUTCOMES]:
        if sizes[index] < FEWEST_ROWS:
            return
        yield order[starts[index] : starts[index] + sizes[index]]


def _edges(words: Words) -> tuple[Hashes, Hashes]:
    """Hashes of the first and the last words of each answer; 0 for a short one."""
    opening = np.zeros(len(words.lengths), np.uint64)
    closing = opening.copy()
    long_enough = words.lengths >= _FEWEST_WORDS
    starts, ends = words.offsets[:-1][long_enough], words.offsets[1:][long_enough]
    for step in range(_EDGE):
        opening[long_enough] = mixed(opening[long_enough] ^ words.hashes[starts + step])
        closing[long_enough] = mixed(closing[long_enough] ^ words.hashes[ends - 1 - step])
    return opening, closing
