"""Kinds of rows that are rare, or have too few test rows to say anything.

Definition: a category (`columns.category`) is found when it has fewer than 30 test rows in a stage - the 95 % interval (Wilson) of a score
measured on 30 rows is 17 points wide to each side - or when fewer than 1 % of a stage's training rows are of it. The first 1000 categories
are counted apart. It cannot see kinds that the rows do not name."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunewright_api.data import CheckName
from tunewright_api.data_report import MOST_EXAMPLES
from tunewright_trainer.prepare.checks.base import CheckContext, Conclusion, Place
from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.intervals import half_width
from tunewright_trainer.prepare.readable import counted, one_or_many
from tunewright_trainer.prepare.records import Record
from tunewright_trainer.prepare.similarity.classes import is_trained_on
from tunewright_trainer.prepare.split import PARTS, Part

FEWEST_TEST_ROWS = 30
RARE_SHARE = 0.01
_NAMED = 3


@dataclass(frozen=True)
class _Kind:
    """The rows of one category in one stage."""

    name: str
    stage: int
    first: int
    """Number of its first row."""
    rows: int
    train: int
    test: int
    is_rare: bool

    @property
    def has_few(self) -> bool:
        return self.test < FEWEST_TEST_ROWS

    def note(self, several: bool, stage: str) -> str:
        """What is the matter with it."""
        name = f"'{self.name}' of stage {stage}" if several else f"'{self.name}'"
        if not self.test:
            return f"{name} has no test row: nothing can be said of it"
        points = 100 * half_width(self.test)
        few = f"{name} has {counted(self.test, 'test row')}: a score there is known to ±{points:.0f} points"
        return few if self.has_few else f"{name} is rare: {counted(self.train, 'training row')}"


class Balance:
    """Reads the columns of the corpus; rows need not be scanned."""

    name = CheckName.BALANCE

    def scan(self, records: Sequence[Record]) -> None:
        """Nothing: the corpus knows the categories."""

    def absorb(self, scan: None, first: int) -> None:
        """Nothing."""

    def conclude(self, corpus: Corpus, scratch: Path) -> Conclusion:
        """Count categories by stage and part."""
        kinds = _kinds(corpus)
        if not kinds:
            return Conclusion(
                0, "No row names its category; name the column that does in dataset.columns.category", skipped=True
            )
        found = [kind for kind in kinds if kind.has_few or kind.is_rare]
        several = len(corpus.stages) > 1
        notes = [kind.note(several, corpus.stages[kind.stage]) for kind in found]
        return Conclusion(
            rows=sum(kind.rows for kind in found),
            message=_message(found, notes, kinds),
            advice=f"Add rows of these kinds, or a test set (dataset.evalUri) with at least {FEWEST_TEST_ROWS} of each: 100 rows give ±10 points."
            if found
            else "",
            kinds={kind.name[:250]: kind.rows for kind in sorted(found, key=lambda kind: -kind.rows)[:64]},
            places=tuple(
                Place(kind.first, note=note) for kind, note in list(zip(found, notes, strict=True))[:MOST_EXAMPLES]
            ),
            measures={
                "categories": float(len({kind.name for kind in kinds})),
                "fewestTestRows": float(min(kind.test for kind in kinds)),
                "widestInterval": round(max(half_width(kind.test) for kind in kinds), 4),
            },
        )


def _kinds(corpus: Corpus) -> list[_Kind]:
    stages = corpus.column("stage")
    return [kind for stage in range(len(corpus.stages)) for kind in _kinds_of(corpus, stage, stages == stage)]


def _kinds_of(corpus: Corpus, stage: int, of_stage: NDArray[np.bool_]) -> list[_Kind]:
    categories = corpus.column("category")
    named = np.flatnonzero(of_stage & (categories > 0))
    present, firsts, rows = np.unique(categories[named], return_index=True, return_counts=True)
    train = np.bincount(categories[named][is_trained_on(corpus)[named]], minlength=len(corpus.categories))
    is_test = corpus.column("part")[named] == PARTS.index(Part.TEST)
    test = np.bincount(categories[named][is_test], minlength=len(corpus.categories))
    least = RARE_SHARE * train.sum()
    return [
        _Kind(
            corpus.categories[index],
            stage,
            int(named[first]),
            int(count),
            int(train[index]),
            int(test[index]),
            bool(train[index] < least),
        )
        for index, first, count in zip(present, firsts, rows, strict=True)
    ]


def _message(found: list[_Kind], notes: list[str], kinds: list[_Kind]) -> str:
    if not found:
        fewest = min(kind.test for kind in kinds)
        return f"Each of {counted(len(kinds), 'category', 'categories')} has at least {fewest} test rows (±{100 * half_width(fewest):.0f} points)"
    more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    verb = one_or_many(len(found), "is", "are")
    count = counted(len(kinds), "category", "categories")
    return f"{len(found)} of {count} {verb} rare or too small to be tested: {'; '.join(notes[:_NAMED])}{more}"


def make(context: CheckContext) -> Balance:
    """The check."""
    return Balance()
