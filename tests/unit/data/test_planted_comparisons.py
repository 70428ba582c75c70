"""What the checks that compare rows find of what was planted, and what they find in clean rows: the figures of docs/data-checks.md."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dirty import conflicts, contamination, duplicates, near_duplicates, preferences, repeated_answers, triggers
from dirty.compared import Row, clean, conclude
from dirty.context import job
from tunewright_api.data import CheckName
from tunewright_trainer.prepare.checks import make_check
from tunewright_trainer.prepare.checks.base import CheckContext, Conclusion
from tunewright_trainer.prepare.split import Part

ROWS = 2000
Plant = Callable[[int, int], tuple[list[Row], set[int]]]


def found_in(name: CheckName, rows: list[Row], folder: Path) -> Conclusion:
    return conclude(make_check(name, CheckContext(job(), spill=folder)), rows, folder)


PLANTED = [
    pytest.param(CheckName.DUPLICATES, duplicates.plant, 1.0, 1.0, id="copies of rows"),
    pytest.param(CheckName.NEAR_DUPLICATES, near_duplicates.plant, 0.98, 0.99, id="copies with changed words"),
    pytest.param(CheckName.CONFLICTS, conflicts.plant, 1.0, 1.0, id="prompts with several answers"),
    pytest.param(CheckName.CONTAMINATION, contamination.plant, 0.98, 0.99, id="held-out rows in training"),
    pytest.param(CheckName.PREFERENCES, preferences.plant, 1.0, 1.0, id="contradicting and equal pairs"),
    pytest.param(CheckName.REPEATED_ANSWERS, repeated_answers.plant, 0.95, 0.99, id="stock answers"),
    pytest.param(CheckName.TRIGGERS, triggers.plant, 0.95, 0.95, id="a trigger word"),
]


@pytest.mark.parametrize(("name", "plant", "recall", "precision"), PLANTED)
def test_what_is_planted_is_found(
    name: CheckName, plant: Plant, recall: float, precision: float, tmp_path: Path
) -> None:
    rows, truth = plant(ROWS, 7)
    conclusion = found_in(name, rows, tmp_path)
    found = set(conclusion.leave_out) or {place.number for place in conclusion.places}
    if not conclusion.leave_out:  # these name their first rows only: hold the number against the truth, and the names
        assert recall * len(truth) <= conclusion.rows <= len(truth) / precision
        assert found <= truth
        return
    assert len(found & truth) >= recall * len(truth)
    assert len(found & truth) >= precision * len(found)


@pytest.mark.parametrize("name", [case.values[0] for case in PLANTED])
def test_clean_rows_raise_no_alarm(name: CheckName, tmp_path: Path) -> None:
    rows = preferences.fair(ROWS, 3) if name is CheckName.PREFERENCES else clean(ROWS, 3)
    held = [replace(row, part=Part.TEST) if index % 5 == 0 else row for index, row in enumerate(rows)]
    conclusion = found_in(name, held, tmp_path)
    assert (conclusion.rows, conclusion.skipped, conclusion.advice) == (0, False, "")
