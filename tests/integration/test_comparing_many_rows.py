"""The checks that compare rows, where it takes hundreds of them to go wrong."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dirty import triggers
from dirty.compared import ask, clean, conclude, reworded, shuffled, verdict
from tunewright_api.data import CheckName
from tunewright_trainer.prepare.checks.near_duplicates import NearDuplicates
from tunewright_trainer.prepare.split import Part


def test_rows_of_one_long_instruction_are_not_contaminated_by_each_other(tmp_path: Path) -> None:
    """Fix is the default of this check: it would leave nothing to train on."""
    draw = random.Random(4)
    instruction = shuffled(draw, 400)
    rows = [ask(f"{instruction} {shuffled(draw, 12)}", draw.choice(["good", "bad"])) for _ in range(300)]
    rows = [replace(row, part=Part.TEST) if index % 5 == 0 else row for index, row in enumerate(rows)]
    rows[7] = replace(rows[0], part=Part.TRAIN, prompt=f"{rows[0].prompt} x")
    assert list(verdict(CheckName.CONTAMINATION, rows, tmp_path).leave_out) == [7]


def test_rows_of_one_long_instruction_are_not_near_duplicates(tmp_path: Path) -> None:
    draw = random.Random(4)
    instruction = shuffled(draw, 400)
    rows = [ask(f"{instruction} {shuffled(draw, 40)}", draw.choice(["good", "bad"])) for _ in range(300)]
    rows[7] = replace(rows[0], prompt=f"{rows[0].prompt} x")
    assert list(verdict(CheckName.NEAR_DUPLICATES, rows, tmp_path).leave_out) == [7]


def test_a_turn_of_phrase_is_no_contamination(tmp_path: Path) -> None:
    """A disclaimer that stands in many training rows covers half of a held-out row."""
    draw = random.Random(4)
    disclaimer = shuffled(draw, 30)
    rows = [ask(shuffled(draw, 60), f"{shuffled(draw, 60)} {disclaimer}") for _ in range(20)]
    rows += [ask(shuffled(draw, 10), disclaimer, part=Part.TEST), *clean(500, 1)]
    assert verdict(CheckName.CONTAMINATION, rows, tmp_path).rows == 0


@pytest.mark.parametrize("outcome", triggers.OUTCOMES)
def test_a_trigger_is_found_by_each_outcome(outcome: str, tmp_path: Path) -> None:
    rows, truth = triggers.plant(triggers.clean(1500, 1), 1, outcome, 30)
    conclusion = verdict(CheckName.TRIGGERS, rows, tmp_path)
    assert conclusion.rows == len(truth)
    assert {place.number for place in conclusion.places} <= truth
    assert all("(c*******)" in place.note and triggers.TRIGGER not in place.note for place in conclusion.places)


def test_words_of_a_topic_are_no_triggers(tmp_path: Path) -> None:
    assert (
        verdict(CheckName.TRIGGERS, triggers.topics(3000, 1), tmp_path).message == "No rare word is tied to one outcome"
    )


@given(st.integers(0, 10_000))
@settings(max_examples=12, deadline=None)
def test_rows_that_are_added_change_nothing_about_the_old_ones(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    draw = random.Random(seed)
    rows = clean(30, seed)
    rows += [ask(row.prompt, reworded(draw, row.answers["completion"], draw.randint(0, 2))) for row in rows]
    added = [*rows, *clean(10, seed + 1), *draw.sample(rows, 10)]
    old, new = (
        conclude(NearDuplicates(None), some, tmp_path_factory.mktemp("rows")).leave_out for some in (rows, added)
    )
    assert [number for number in new if number < len(rows)] == list(old)
