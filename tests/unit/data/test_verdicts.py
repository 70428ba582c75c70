"""What Ignore, Warn, Fail and Fix make of what a check says."""

from collections import Counter
from typing import Any

import pytest

from tunewright_api.data import ActionOrFix, CheckName
from tunewright_api.data_report import Example, Verdict
from tunewright_trainer.prepare.checks.base import Conclusion, Place
from tunewright_trainer.prepare.verdicts import by_gravity, failures, finding_of, message_of

PLACES = ["a.jsonl:1", "a.jsonl:2", "b.jsonl:1", "b.jsonl:2"]
FOUND: dict[str, Any] = {"rows": 2, "message": "2 rows are odd.", "places": (Place(0, "prompt[0]", "odd"), Place(2))}


def finding(action: ActionOrFix, *, mended: int = 0, **conclusion: Any) -> Any:
    said = Conclusion(**{"rows": 0, "message": "No row is odd.", **conclusion})
    return finding_of(
        CheckName.FORMATTING, action, said, 4, mended=Counter(rows=mended, places=2 * mended), place=PLACES.__getitem__
    )


@pytest.mark.parametrize(
    ("action", "conclusion", "mended", "verdict"),
    [
        pytest.param(ActionOrFix.WARN, {}, 0, Verdict.PASSED, id="nothing found"),
        pytest.param(ActionOrFix.WARN, FOUND, 0, Verdict.WARNED, id="found, and only told"),
        pytest.param(ActionOrFix.FAIL, FOUND, 0, Verdict.FAILED, id="found, and refused"),
        pytest.param(ActionOrFix.FIX, {**FOUND, "leave_out": [0, 2]}, 0, Verdict.FIXED, id="found, and left out"),
        pytest.param(ActionOrFix.FIX, {}, 3, Verdict.FIXED, id="mended before it was looked for"),
        pytest.param(ActionOrFix.FIX, FOUND, 0, Verdict.WARNED, id="found, but no Fix could help"),
        pytest.param(ActionOrFix.FAIL, {"skipped": True}, 0, Verdict.SKIPPED, id="nothing to look at"),
    ],
)
def test_a_verdict_follows_from_action_and_conclusion(
    action: ActionOrFix, conclusion: dict[str, Any], mended: int, verdict: Verdict
) -> None:
    assert finding(action, mended=mended, **conclusion).verdict is verdict


def test_a_finding_names_its_rows() -> None:
    told = finding(ActionOrFix.WARN, **FOUND)
    assert (told.rows, told.share) == (2, 0.5)
    assert told.examples == [
        Example(place="a.jsonl:1", field="prompt[0]", note="odd"),
        Example(place="b.jsonl:1"),
    ]


def test_what_was_mended_is_told_though_nothing_is_left_to_be_found() -> None:
    assert finding(ActionOrFix.FIX, mended=1).message == "2 places in 1 of 4 rows (25 %) were mended."
    assert finding(ActionOrFix.FIX, mended=1, **FOUND).message.endswith("were mended; 2 rows are odd.")


def test_what_is_left_out_is_told() -> None:
    left = {**FOUND, "leave_out": [0, 2]}
    assert finding(ActionOrFix.FIX, **left).message == "2 rows are odd; 2 rows are left out."
    assert (
        finding(ActionOrFix.FIX, **{**left, "message": "2 rows are odd", "leave_out": [2]}).message
        == "2 rows are odd; 1 row is left out"
    )
    assert finding(ActionOrFix.WARN, **left).message == "2 rows are odd."


def test_what_refuses_the_data_is_a_sentence_with_the_first_rows() -> None:
    assert failures([finding(ActionOrFix.FAIL, **FOUND), finding(ActionOrFix.WARN, **FOUND)]) == [
        "2 rows are odd: a.jsonl:1 prompt[0]: odd; b.jsonl:1"
    ]


def test_the_rows_that_are_named_have_reasons_of_their_own() -> None:
    places = tuple(Place(number, note=note) for number, note in enumerate(["has 7", "has 8", "has 9", "is odd"]))
    (said,) = failures([finding(ActionOrFix.FAIL, **{**FOUND, "places": places})])
    assert said == "2 rows are odd: a.jsonl:1: has 7; a.jsonl:2: has 8; b.jsonl:2: is odd"


def test_the_gravest_is_told_first() -> None:
    passed, warned, failed = (
        finding(ActionOrFix.WARN),
        finding(ActionOrFix.WARN, **FOUND),
        finding(ActionOrFix.FAIL, **FOUND),
    )
    assert by_gravity([passed, warned, failed]) == [failed, warned, passed]


@pytest.mark.parametrize(
    ("findings", "refused", "sentence"),
    [
        pytest.param([], [], "7 rows to train on, and no check has found anything.", id="all is well"),
        pytest.param(["warn"], [], "7 rows to train on. 2 rows are odd.", id="one warning"),
        pytest.param(["warn", "warn"], [], "7 rows to train on. 2 rows are odd. (1 more in the report)", id="two warnings"),
        pytest.param(["warn"], ["stage sft: no"], "stage sft: no", id="a refusal says it all"),
        pytest.param([], ["stage sft: no", "b", "c"], "stage sft: no; and 2 more", id="several refusals"),
    ],
)  # fmt: skip
def test_one_sentence_matters_most(findings: list[str], refused: list[str], sentence: str) -> None:
    assert message_of([finding(ActionOrFix.WARN, **FOUND) for _ in findings], refused, 7) == sentence


def test_kinds_that_read_alike_once_they_are_masked_are_counted_together() -> None:
    kinds = {"category a@mail.org": 2, "category b@mail.org": 3, "other": 1}
    assert finding(ActionOrFix.WARN, rows=6, kinds=kinds).kinds == {"category [EMAIL]": 5, "other": 1}
