"""What the checks that compare rows find of what was planted, and what they find in clean rows: the figures of docs/data-checks.md."""

from pathlib import Path
from types import ModuleType

import pytest

from dirty import (
    balance,
    conflicts,
    contamination,
    duplicates,
    near_duplicates,
    preferences,
    repeated_answers,
    triggers,
)
from dirty.compared import Row, conclude
from dirty.context import job
from tunewright_api.data import CheckName
from tunewright_trainer.prepare.checks import make_check
from tunewright_trainer.prepare.checks.base import CheckContext, Conclusion

ROWS = 2000


def found_in(name: CheckName, rows: list[Row], folder: Path) -> Conclusion:
    return conclude(make_check(name, CheckContext(job(), spill=folder)), rows, folder)


PLANTED = [
    pytest.param(CheckName.DUPLICATES, duplicates, 1.0, 1.0, id="copies of rows"),
    pytest.param(CheckName.NEAR_DUPLICATES, near_duplicates, 0.98, 0.99, id="copies with changed words"),
    pytest.param(CheckName.CONFLICTS, conflicts, 1.0, 1.0, id="prompts with several answers"),
    pytest.param(CheckName.CONTAMINATION, contamination, 0.98, 0.99, id="held-out rows in training"),
    pytest.param(CheckName.BALANCE, balance, 1.0, 1.0, id="rare categories"),
    pytest.param(CheckName.PREFERENCES, preferences, 1.0, 1.0, id="contradicting and equal pairs"),
    pytest.param(CheckName.REPEATED_ANSWERS, repeated_answers, 0.95, 0.99, id="stock answers"),
    pytest.param(CheckName.TRIGGERS, triggers, 0.95, 0.95, id="a trigger word"),
]


@pytest.mark.parametrize(("name", "module", "recall", "precision"), PLANTED)
def test_what_is_planted_is_found(
    name: CheckName, module: ModuleType, recall: float, precision: float, tmp_path: Path
) -> None:
    rows, truth = module.plant(module.clean(ROWS, 7), 7)
    conclusion = found_in(name, rows, tmp_path)
    found = set(conclusion.leave_out) or {place.number for place in conclusion.places}
    assert len(found & truth) >= recall * len(truth)
    assert len(found & truth) >= precision * max(len(found), conclusion.rows)


CLEAN = [
    pytest.param(name, module, id=name)
    for name, module in (case.values[:2] for case in PLANTED)
    if name is not CheckName.NEAR_DUPLICATES  # passages of its rows overlap by themselves
]


@pytest.mark.parametrize(("name", "module"), CLEAN)
def test_clean_rows_raise_no_alarm(name: CheckName, module: ModuleType, tmp_path: Path) -> None:
    conclusion = found_in(name, module.clean(ROWS, 3), tmp_path)
    assert (conclusion.rows, conclusion.skipped, conclusion.advice) == (0, False, "")
