"""The checks that compare rows, a case a sentence: which rows they name, and what they say."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from dirty.compared import Row, ask, clean, conclude, pair, reworded, shuffled, verdict
from dirty.context import job
from tunewright_api.data import CheckName
from tunewright_api.spec import FineTuneJobSpec
from tunewright_trainer.prepare.checks import make_check
from tunewright_trainer.prepare.checks.base import CheckContext, Conclusion
from tunewright_trainer.prepare.split import Part

COMPARING = (
    CheckName.DUPLICATES,
    CheckName.NEAR_DUPLICATES,
    CheckName.CONFLICTS,
    CheckName.CONTAMINATION,
    CheckName.BALANCE,
    CheckName.PREFERENCES,
    CheckName.TRIGGERS,
    CheckName.REPEATED_ANSWERS,
)
A = "Where do I find the invoice of last month, and how do I download it as a file?"
B = "You find it in the portal under billing; choose the month and press the button with the arrow."
UNSEEN = ("\u200b", "\u202e", "\u2066", "\ufe0f", "\x07", "\x1f", "\x9d", "\u00ad", "\U000e0041", "\u3164", "\u034f")
LONG = shuffled(random.Random(1), 60)
OTHER = shuffled(random.Random(2), 60)
THIRD = shuffled(random.Random(3), 60)


def hidden(text: str) -> str:
    """The text with a character of every kind that cannot be seen in every word of three letters and more."""
    draw = random.Random(5)
    words = text.split(" ")
    return " ".join(f"{word[0]}{draw.choice(UNSEEN)}{word[1:]}" if len(word) > 2 else word for word in words)


def text(content: str, **others: Part) -> Row:
    return Row("", {"text": content}, **others)


def parts(train: int, test: int) -> list[Row]:
    return [ask(f"{A} {number}", B, part=Part.TEST if number < test else Part.TRAIN) for number in range(train + test)]


def rated(prompt: str, completion: str, label: bool) -> Row:
    return Row(prompt, {"completion": completion}, {"label": label})


FOUND = [
    pytest.param("duplicates", [ask(A, B), ask(A, B), ask(A, B)], [1, 2], id="copies: all but the first"),
    pytest.param("duplicates", [ask(A, B), ask(A.upper(), f" {B}\n")], [1], id="copies in other case and spacing"),
    pytest.param("duplicates", [ask(A, B), ask(A, hidden(B))], [1], id="copies but for what cannot be seen"),
    pytest.param("duplicates", [ask(A, B), ask(A, f"{B}!")], [], id="no copy: one character more"),
    pytest.param("duplicates", [ask(A, B), ask(A, B, system="Be rude.")], [], id="no copy: another system message"),
    pytest.param("duplicates", [ask(A, B), ask(A, B, stage=1)], [], id="no copy: another stage"),
    pytest.param("duplicates", [ask(A, B), ask(A, B, part=Part.TEST)], [], id="no copy: held out, that is contamination"),
    pytest.param("duplicates", [ask(A, B, copies=0), ask(A, B)], [], id="no copy: the first is not taken"),
    pytest.param("duplicates", [ask(A, B, left_out=True), ask(A, B), ask(A, B)], [2], id="no copy: the first is left out"),
    pytest.param("duplicates", [ask(A, B), ask(A, B, left_out=True), ask(A, B, left_out=True)], [], id="no copies: they are left out already"),
    pytest.param("duplicates", [pair(A, "x y", "z"), pair(A, "x", "y z")], [], id="no copy: words of the two answers are not mixed"),
    pytest.param("duplicates", [rated(A, B, True), rated(A, B, False)], [], id="no copy: rated otherwise"),
    pytest.param("duplicates", [text(LONG), text(LONG), text(OTHER)], [1], id="copies of plain text"),
    pytest.param("duplicates", [], [], id="no rows at all"),
    pytest.param("nearDuplicates", [ask(LONG, OTHER), ask(LONG, f"{OTHER} indeed")], [1], id="near: a word more"),
    pytest.param("nearDuplicates", [ask(LONG, OTHER), ask(LONG, OTHER)], [], id="not near but the same"),
    pytest.param("nearDuplicates", [ask(LONG, OTHER), ask(hidden(LONG), hidden(f"{OTHER} indeed"))], [1], id="near: a word more, and what cannot be seen"),
    pytest.param("nearDuplicates", [ask(LONG, OTHER), ask(LONG, THIRD)], [], id="not near: another answer"),
    pytest.param("nearDuplicates", [ask("hello", "you"), ask("hello", "there")], [], id="not near: two words each"),
    pytest.param("nearDuplicates", [ask(LONG, OTHER), ask(LONG, f"{OTHER} indeed", part=Part.TEST)], [], id="not near: held out"),
    pytest.param("nearDuplicates", [ask(LONG, OTHER, left_out=True), ask(LONG, f"{OTHER} indeed"), ask(f"{LONG} so", OTHER)], [2], id="not near: the first is left out"),
    pytest.param("nearDuplicates", [ask(LONG, OTHER), ask(LONG, f"{OTHER} indeed", left_out=True), ask(f"{LONG} so", OTHER, left_out=True)], [], id="not near: they are left out already"),
    pytest.param(
        "nearDuplicates",
        [ask(LONG, OTHER), ask(LONG, f"{OTHER} indeed"), ask(LONG, f"{OTHER} indeed"), ask(LONG, OTHER)],
        [1, 2],
        id="copies of a near one are near, copies of the first are copies",
    ),
    pytest.param("contamination", [ask(A, B, part=Part.TEST), ask(A.title(), OTHER)], [1], id="a test prompt in training"),
    pytest.param("contamination", [ask(A, B), ask(A, OTHER, part=Part.VALIDATION)], [0], id="a validation prompt, later in the file"),
    pytest.param("contamination", [ask(LONG, OTHER, part=Part.TEST), ask(f"{LONG} please", OTHER, stage=1)], [1], id="nearly a test row, in another stage"),
    pytest.param("contamination", [text(LONG), text(LONG, part=Part.TEST), text(OTHER)], [0], id="plain text that is tested on"),
    pytest.param("contamination", [text(hidden(LONG)), text(LONG, part=Part.TEST), text(OTHER)], [0], id="plain text that is tested on, with what cannot be seen"),
    pytest.param("contamination", [ask(A, hidden(f"{THIRD} {LONG} {OTHER}")), ask(LONG, OTHER, part=Part.TEST)], [0], id="quotes a test row, with what cannot be seen"),
    pytest.param("contamination", [text(OTHER), text(LONG, part=Part.TEST)], [], id="plain text without a prompt is not one prompt"),
    pytest.param("contamination", [ask(A, f"{THIRD} {LONG} {OTHER}"), ask(LONG, OTHER, part=Part.TEST)], [0], id="quotes a test row"),
    pytest.param("contamination", [ask(A, f"{THIRD} {LONG}"), ask(LONG, f"{OTHER} {OTHER}", part=Part.TEST)], [], id="quotes a third of a test row"),
    pytest.param("contamination", [ask(A, B, copies=0), ask(A, B, part=Part.TEST), ask(OTHER, B)], [], id="is not taken into training"),
    pytest.param("contamination", [ask(A, B), ask(A, OTHER, part=Part.TEST, left_out=True), ask(LONG, OTHER, part=Part.TEST)], [], id="the test row is left out"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "rows", "found"), FOUND)
def test_rows_that_a_fix_leaves_out(name: str, rows: list[Row], found: list[int], tmp_path: Path) -> None:
    conclusion = verdict(CheckName(name), rows, tmp_path)
    assert list(conclusion.leave_out) == found
    assert conclusion.rows == len(found)
    assert [place.number for place in conclusion.places] == found


NAMED = [
    pytest.param("conflicts", [ask(A, B), ask(A, OTHER), ask(A, B), ask(LONG, B)], [0, 1, 2], id="one prompt, two answers"),
    pytest.param("conflicts", [ask(A, B), ask(A, B.upper())], [], id="the same answer in capitals"),
    pytest.param("conflicts", [ask(A, B), ask(hidden(A), OTHER)], [0, 1], id="one prompt but for what cannot be seen, two answers"),
    pytest.param("conflicts", [ask(A, B, system="Be kind."), ask(A, OTHER, system=hidden("Be kind."))], [0, 1], id="one system message but for what cannot be seen"),
    pytest.param("conflicts", [ask(A, B), ask(A, hidden(B))], [], id="the same answer but for what cannot be seen"),
    pytest.param("conflicts", [ask(A, B), ask(A, OTHER, system="Be rude.")], [], id="another system message"),
    pytest.param("conflicts", [ask(A, B), ask(A, OTHER, stage=1)], [], id="another stage"),
    pytest.param("conflicts", [ask(A, B), ask(A, OTHER, left_out=True), ask(LONG, B)], [], id="the other answer is left out"),
    pytest.param("conflicts", [Row(A, {}, {"answer": "1"}), Row(A, {}, {"answer": "2"})], [0, 1], id="two reference answers"),
    pytest.param("outliers", [*clean(30, 1), ask(LONG * 20, B), ask(LONG * 20, B, left_out=True)], [30], id="far longer: but for what is left out"),
    pytest.param("preferences", [pair(A, B, OTHER), pair(A, OTHER, B), pair(A, B, THIRD)], [0, 1], id="pairs in both orders"),
    pytest.param("preferences", [pair(A, B, OTHER), pair(LONG, OTHER, B)], [], id="both orders, of two prompts"),
    pytest.param("preferences", [pair(A, B, B.lower()), pair(A, B, OTHER)], [0], id="a pair of equal answers"),
    pytest.param("preferences", [rated(A, B, True), rated(A, B, False), rated(A, OTHER, False)], [0, 1], id="rated both ways"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "rows", "found"), NAMED)
def test_rows_that_are_named(name: str, rows: list[Row], found: list[int], tmp_path: Path) -> None:
    conclusion = verdict(CheckName(name), rows, tmp_path)
    assert [place.number for place in conclusion.places] == found
    assert (conclusion.rows, conclusion.skipped) == (len(found), False)


SKIPPED = [
    pytest.param("conflicts", [pair(A, B, OTHER)], "No row has a prompt and one answer to it", id="conflicts of pairs"),
    pytest.param("preferences", [ask(A, B)], "There are no preference pairs and no rated answers", id="no pairs"),
    pytest.param("contamination", [ask(A, B)], "There are no held-out rows beside training rows", id="nothing held out"),
    pytest.param("balance", parts(50, 30), "No row names its category; name the column that does in dataset.columns.category", id="no categories"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "rows", "message"), SKIPPED)
def test_a_check_without_anything_to_look_at_says_so(name: str, rows: list[Row], message: str, tmp_path: Path) -> None:
    assert verdict(CheckName(name), rows, tmp_path) == Conclusion(0, message, skipped=True)


def test_a_category_without_a_value_is_asked_for_otherwise_than_one_without_a_name(tmp_path: Path) -> None:
    body = job().model_dump(by_alias=True, exclude_none=True, mode="json")
    body["stages"][0]["dataset"]["columns"] = {"category": "topic"}
    check = make_check(CheckName.BALANCE, CheckContext(FineTuneJobSpec.model_validate(body)))
    said = "No row names its category: the column that dataset.columns.category names has no value in any row"
    assert conclude(check, parts(50, 30), tmp_path) == Conclusion(0, said, skipped=True)


@pytest.mark.parametrize("name", [name for name in COMPARING if name is not CheckName.BALANCE])
@pytest.mark.parametrize("rows", [[], [ask("", "")], [ask("a", "b"), ask("", "")]], ids=["none", "empty", "tiny"])
def test_little_or_nothing_is_no_fault(name: CheckName, rows: list[Row], tmp_path: Path) -> None:
    assert verdict(name, rows, tmp_path).rows == 0


SAID = [
    pytest.param("duplicates", [ask(A, B)] * 3, "2 rows repeat an earlier row word for word, in 1 group", "the same as rows.jsonl:1", id="duplicates"),
    pytest.param("nearDuplicates", [ask(LONG, OTHER), ask(LONG, f"{OTHER} x")], "1 row differs in a few words only from 1 earlier row", "nearly the same as rows.jsonl:1", id="near"),
    pytest.param("conflicts", [ask(A, B), ask(A, OTHER)], "1 prompt has different answers, in 2 rows", "another answer than rows.jsonl:2", id="conflicts"),
    pytest.param("contamination", [ask(A, B), ask(A, LONG, part=Part.TEST)], "1 training row stands among the held-out rows too", "has the prompt of rows.jsonl:2", id="contamination"),
    pytest.param("preferences", [pair(A, B, LONG), pair(A, LONG, B)], "2 rows contradict another", "says the opposite of rows.jsonl:2", id="preferences"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "rows", "message", "note"), SAID)
def test_what_is_said(name: str, rows: list[Row], message: str, note: str, tmp_path: Path) -> None:
    conclusion = verdict(CheckName(name), rows, tmp_path)
    assert (conclusion.message, conclusion.places[0].note) == (message, note)


def test_a_held_out_row_that_several_rows_hold_together_is_counted(tmp_path: Path) -> None:
    words = LONG.split()
    pieces = [" ".join(words[first : first + 20]) for first in range(0, 60, 20)]
    rows = [ask(A, piece) for piece in pieces] + [ask(LONG, "yes", part=Part.TEST)]
    conclusion = verdict(CheckName.CONTAMINATION, rows, tmp_path)
    assert (conclusion.rows, conclusion.measures["coveredHeldOutRows"]) == (0, 1.0)
    assert conclusion.message.endswith("half or more of 1 held-out row stands in training rows")


def test_a_small_category_is_told_with_its_interval(tmp_path: Path) -> None:
    rows = [replace(row, category="billing", part=Part.TEST) for row in clean(40, 1)]
    rows += [replace(row, category="billing") for row in clean(200, 2)]
    rows += [replace(row, category="legal", part=Part.TEST if index < 10 else Part.TRAIN) for index, row in enumerate(clean(20, 3))]  # fmt: skip
    conclusion = verdict(CheckName.BALANCE, rows, tmp_path)
    assert conclusion.rows == 20
    assert conclusion.kinds == {"legal": 20}
    assert conclusion.message == (
        "1 of 2 categories is rare or too small to be tested: 'legal' has 10 test rows: a score there is known to ±26 points"
    )


FEW = [
    pytest.param(49, 30, "stage stage0 has 49 training rows: as examples in a prompt they may serve as well", id="to learn from"),
    pytest.param(50, 29, "stage stage0 has 29 test rows: a score on them is known to ±17 points", id="to test on"),
    pytest.param(0, 1, "stage stage0 has 0 training rows: as examples in a prompt they may serve as well", id="none at all"),
]  # fmt: skip


@pytest.mark.parametrize(("train", "test", "message"), FEW)
def test_a_stage_with_few_rows_is_told(train: int, test: int, message: str, tmp_path: Path) -> None:
    conclusion = verdict(CheckName.BALANCE, parts(train, test), tmp_path)
    assert (conclusion.rows, conclusion.message, conclusion.skipped) == (train + test, message, False)
    assert "dd rows" in conclusion.advice


def test_rows_that_are_left_out_count_for_no_balance(tmp_path: Path) -> None:
    rows = [replace(row, left_out=index < 41, category="billing") for index, row in enumerate(parts(50, 70))]
    conclusion = verdict(CheckName.BALANCE, rows, tmp_path)
    assert (conclusion.rows, conclusion.kinds) == (79, {"billing": 79})
    assert conclusion.message.startswith("stage stage0 has 29 test rows")


@pytest.mark.parametrize(("label", "rating"), [(True, "good"), (False, "bad")])
def test_answers_that_are_all_rated_alike_are_told(label: bool, rating: str, tmp_path: Path) -> None:
    conclusion = verdict(CheckName.PREFERENCES, [rated(f"{A} {number}", B, label) for number in range(3)], tmp_path)
    assert conclusion.rows == 3
    assert conclusion.message == f"3 answers are rated, all of them {rating}: there is nothing to tell good from bad by"


LENGTH_RULES = [
    pytest.param(0.9, True, "Length alone decides: the longer answer is the chosen one in", id="the longer one wins"),
    pytest.param(0.1, True, "Length alone decides: the shorter answer is the chosen one in", id="the shorter one wins"),
    pytest.param(0.6, False, "No pair contradicts another, and length does not decide", id="a little longer is normal"),
]


@pytest.mark.parametrize(("longer", "decides", "message"), LENGTH_RULES)
def test_length_decides_when_its_interval_says_so(longer: float, decides: bool, message: str, tmp_path: Path) -> None:
    from dirty.preferences import clean as pairs

    conclusion = verdict(CheckName.PREFERENCES, pairs(400, 1, longer), tmp_path)
    assert conclusion.message.startswith(message)
    assert (conclusion.rows > 300) is decides


def test_ten_pairs_do_not_prove_that_length_decides(tmp_path: Path) -> None:
    from dirty.preferences import clean as pairs

    assert verdict(CheckName.PREFERENCES, pairs(6, 1, 1.0), tmp_path).rows == 0


def test_a_short_answer_may_repeat(tmp_path: Path) -> None:
    rows = [replace(row, answers={"completion": "Yes."}) for row in clean(50, 1)]
    assert verdict(CheckName.REPEATED_ANSWERS, rows, tmp_path).rows == 0


@pytest.mark.parametrize("name", COMPARING)
def test_batches_make_no_difference(name: CheckName, tmp_path: Path) -> None:
    """Neither their size, nor whether columns are put aside on disk."""
    draw = random.Random(9)
    rows = [replace(row, category=draw.choice("ab"), part=draw.choice(list(Part))) for row in clean(200, 1)]
    rows += [replace(draw.choice(rows), prompt=reworded(draw, rows[0].prompt, 1)) for _ in range(50)]
    rows += [pair(A, B, OTHER), pair(A, OTHER, B), *[ask(row.prompt, LONG) for row in clean(9, 2)]]
    said = []
    for index, (batch, spills) in enumerate(((1000, True), (7, True), (64, False))):
        folder = tmp_path / str(index)
        folder.mkdir()
        check = make_check(name, CheckContext(job(), spill=folder if spills else None))
        said.append(conclude(check, rows, folder, batch))
    assert said[0] == said[1] == said[2]
