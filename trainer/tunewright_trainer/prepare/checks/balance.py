"""Stages with too few rows, and kinds of rows that are rare or have too few test rows to say anything.

Definition: a stage is found when it has fewer than 50 training rows or fewer than 30 test rows; a category (`columns.category`) is found when it has fewer than 30 test rows in a stage - the 95 % interval (Wilson) of a score
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
from tunewright_trainer.prepare.similarity.classes import is_left_out, is_trained_on, parts_of
from tunewright_trainer.prepare.split import PARTS, Part

WORTH_TRAINING_ROWS = 50
"""OpenAI's guide to fine-tuning sees improvements from 50 to 100 examples on; fewer fit into a prompt, where they are cheaper to try."""
FEWEST_TEST_ROWS = 30
RARE_SHARE = 0.01
_NAMED = 3
_NOT_NAMED = "No row names its category; name the column that does in dataset.columns.category"
_NAMED_IN_VAIN = "No row names its category: the column that dataset.columns.category names has no value in any row"


@dataclass(frozen=True)
class _SmallStage:
    """A stage with too few rows."""

    stage: int
    name: str
    first: int
    """Number of its first row."""
    rows: int
    train: int
    test: int

    @property
    def note(self) -> str:
        """What is the matter with it."""
        if self.train < WORTH_TRAINING_ROWS:
            return f"stage {self.name} has {counted(self.train, 'training row')}: as examples in a prompt they may serve as well"
        return f"stage {self.name} has {counted(self.test, 'test row')}: a score on them is known to ±{100 * half_width(self.test):.0f} points"


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

    def __init__(self, is_named: bool) -> None:
        """`is_named`: `dataset.columns.category` of a stage names the column."""
        self._is_named = is_named

    def scan(self, records: Sequence[Record]) -> None:
        """Nothing: the corpus knows the categories."""

    def absorb(self, scan: None, first: int) -> None:
        """Nothing."""

    def conclude(self, corpus: Corpus, scratch: Path) -> Conclusion:
        """Count rows and categories by stage and part."""
        small, kinds = _small_stages(corpus), _kinds(corpus)
        if not small and not kinds:
            return Conclusion(0, _NAMED_IN_VAIN if self._is_named else _NOT_NAMED, skipped=True)
        found = [kind for kind in kinds if kind.has_few or kind.is_rare]
        several = len(corpus.stages) > 1
        notes = [kind.note(several, corpus.stages[kind.stage]) for kind in found]
        places = [
            *((stage.first, stage.note) for stage in small),
            *zip((kind.first for kind in found), notes, strict=True),
        ]
        wholly = {stage.stage for stage in small}
        return Conclusion(
            rows=sum(stage.rows for stage in small) + sum(kind.rows for kind in found if kind.stage not in wholly),
            message="; ".join([*(stage.note for stage in small), *([_message(found, notes, kinds)] if kinds else [])]),
            advice=_advice(small, found),
            kinds={kind.name[:250]: kind.rows for kind in sorted(found, key=lambda kind: -kind.rows)[:64]},
            places=tuple(Place(first, note=note) for first, note in places[:MOST_EXAMPLES]),
            measures=_measures(kinds) if kinds else {},
        )


def _small_stages(corpus: Corpus) -> list[_SmallStage]:
    stages, trained = corpus.column("stage"), is_trained_on(corpus)
    tested, stays = parts_of(corpus) == PARTS.index(Part.TEST), ~is_left_out(corpus)
    found = []
    for index, name in enumerate(corpus.stages):
        mine = np.flatnonzero((stages == index) & stays)
        if not len(mine):
            continue
        train, test = int(np.count_nonzero(trained[mine])), int(np.count_nonzero(tested[mine]))
        if train < WORTH_TRAINING_ROWS or test < FEWEST_TEST_ROWS:
            found.append(_SmallStage(index, name, int(mine[0]), len(mine), train, test))
    return found


def _measures(kinds: list[_Kind]) -> dict[str, float]:
    return {
        "categories": float(len({kind.name for kind in kinds})),
        "fewestTestRows": float(min(kind.test for kind in kinds)),
        "widestInterval": round(max(half_width(kind.test) for kind in kinds), 4),
    }


def _advice(small: list[_SmallStage], found: list[_Kind]) -> str:
    told = []
    if any(stage.train < WORTH_TRAINING_ROWS for stage in small):
        told.append(
            f"Try the rows as examples in the prompt first, or add rows: training pays from some {WORTH_TRAINING_ROWS} to 100 good ones on."
        )
    if found or any(stage.test < FEWEST_TEST_ROWS for stage in small):
        kinds = (" of these kinds", " of each") if found else ("", " rows")
        told.append(
            f"Add rows{kinds[0]}, or a test set (dataset.evalUri) with at least {FEWEST_TEST_ROWS}{kinds[1]}: 100 rows give ±10 points."
        )
    return " ".join(told)


def _kinds(corpus: Corpus) -> list[_Kind]:
    stages, stays = corpus.column("stage"), ~is_left_out(corpus)
    return [kind for stage in range(len(corpus.stages)) for kind in _kinds_of(corpus, stage, (stages == stage) & stays)]


def _kinds_of(corpus: Corpus, stage: int, of_stage: NDArray[np.bool_]) -> list[_Kind]:
    categories = corpus.column("category")
    named = np.flatnonzero(of_stage & (categories > 0))
    present, firsts, rows = np.unique(categories[named], return_index=True, return_counts=True)
    train = np.bincount(categories[named][is_trained_on(corpus)[named]], minlength=len(corpus.categories))
    is_test = parts_of(corpus)[named] == PARTS.index(Part.TEST)
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
    columns = [stage.dataset.columns for stage in context.spec.stages]
    return Balance(is_named=any(each is not None and each.category is not None for each in columns))
