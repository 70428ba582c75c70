"""Rows that stand more than once, prompt and answers alike.

Definition: two rows of one stage and one part are duplicates when the digests (64 bits) of their system message, tools, prompt, answers and
label are equal, each with case folded, white space joined and what cannot be seen left out (`unseen.py`). The first of each group stays;
rows that another Fix leaves out are in none. Rows that stand both in training and among the held-out rows are a matter of contamination.
It cannot find rows that differ in one character: those are near-duplicates."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tunewright_api.data import CheckName
from tunewright_api.data_report import MOST_EXAMPLES
from tunewright_trainer.prepare.checks.base import CheckContext, Conclusion, Place
from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.readable import counted
from tunewright_trainer.prepare.records import Record
from tunewright_trainer.prepare.similarity.batch import batch_of
from tunewright_trainer.prepare.similarity.classes import is_left_out, stage_and_part
from tunewright_trainer.prepare.similarity.spill import Spill
from tunewright_trainer.prepare.similarity.words import Hashes


class Duplicates:
    """A digest of each row, sorted once."""

    name = CheckName.DUPLICATES

    def __init__(self, folder: Path | None) -> None:
        self._digests = Spill(folder, np.uint64)

    def scan(self, records: Sequence[Record]) -> Hashes:
        """A digest for each row."""
        return batch_of(records).row_digests

    def absorb(self, scan: Hashes, first: int) -> None:
        """Keep them."""
        self._digests.append(scan)

    def conclude(self, corpus: Corpus, scratch: Path) -> Conclusion:
        """All rows but the first of each group."""
        digests, classes = self._digests.read(), stage_and_part(corpus)
        self._digests.discard()
        order = np.lexsort((np.arange(len(digests)), classes, digests))
        same = (np.diff(digests[order]) == 0) & (np.diff(classes[order]) == 0)
        repeated = np.flatnonzero(np.concatenate(([False], same)) & ~is_left_out(corpus)[order])
        firsts = np.maximum.accumulate(np.where(np.concatenate(([True], ~same)), np.arange(len(order)), 0))
        pairs = sorted(zip(order[repeated].tolist(), order[firsts[repeated]].tolist(), strict=True))
        groups = len(np.unique(firsts[repeated]))
        return Conclusion(
            rows=len(pairs),
            message=_message(len(pairs), groups),
            advice="Leave them out (data.checks.duplicates: Fix), or give the row a weight by its source"
            if pairs
            else "",
            places=tuple(Place(row, note=f"the same as {corpus.place(first)}") for row, first in pairs[:MOST_EXAMPLES]),
            measures={"groups": float(groups)},
            leave_out=[row for row, _ in pairs],
        )


def _message(rows: int, groups: int) -> str:
    if not rows:
        return "No row stands twice"
    return f"{counted(rows, 'row')} {'repeats' if rows == 1 else 'repeat'} an earlier row word for word, in {counted(groups, 'group')}"


def make(context: CheckContext) -> Duplicates:
    """The check."""
    return Duplicates(context.spill)
