"""What a Fix of a text promises, whatever the text: a second one changes nothing, nothing is found after it, JSON stays JSON, and clean rows are handed on as they are."""

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dirty import hidden_characters as hidden
from dirty import personal_data as personal
from dirty import secrets as secret
from dirty.rows import record_of
from tunewright_api.data import ActionOrFix, CheckName
from tunewright_api.datasets import DatasetFormat
from tunewright_api.spec import FineTuneJobSpec
from tunewright_api.stages import Method
from tunewright_trainer.prepare.checks import make_menders, mender
from tunewright_trainer.prepare.checks.base import CheckContext, Mender
from tunewright_trainer.prepare.checks.hidden_characters import hidden as hidden_spans
from tunewright_trainer.prepare.checks.personal_data import spans as personal_spans
from tunewright_trainer.prepare.checks.secrets import spans as secret_spans
from tunewright_trainer.prepare.formats import Shape, convert
from tunewright_trainer.prepare.records import RawRow, Record

FINDERS = {
    CheckName.PERSONAL_DATA: personal_spans,
    CheckName.SECRETS: secret_spans,
    CheckName.HIDDEN_CHARACTERS: hidden_spans,
}
MENDED = [pytest.param(name, id=name) for name in FINDERS]
DRAW = random.Random(11)
MAKERS = [personal.email, personal.card, personal.iban, personal.ssn, personal.ip, personal.phone, *personal.DECOYS, *secret.FAULTS, *secret.DECOYS]  # fmt: skip
PIECES = [make(DRAW) for make in MAKERS for _ in range(3)] + [*hidden.FAULTS, *hidden.DECOYS]
GLUE = [" ", "", "\n", ",", ": ", "=", '"', "'", "@", ".", "-", "/", "\\n", "+", "(", ")", "0", "7", "tel ", "password", "[EMAIL]", "[SECRET]", "x"]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES) | st.sampled_from(GLUE) | st.text(max_size=6), max_size=8).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS | st.sampled_from([4111111111111111, 14155552671]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["phone", "password", "token", "x"]) | TEXTS, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def mender_of(name: CheckName) -> Mender:
    found = mender(name)
    assert found is not None
    return found


def mended(name: CheckName, text: str) -> str:
    return mender_of(name)(record_of({"prompt": "x", "completion": text}))[0].answer_text


@pytest.mark.parametrize("name", MENDED)
@given(text=TEXTS)
@settings(max_examples=60, deadline=None)
def test_finds_nothing_after_a_fix_and_a_second_changes_nothing(name: CheckName, text: str) -> None:
    once = mended(name, text)
    assert list(FINDERS[name](once)) == []
    assert mended(name, once) == once


@pytest.mark.parametrize("name", MENDED)
@given(text=TEXTS)
@settings(max_examples=40, deadline=None)
def test_hands_on_what_has_no_hits_and_counts_what_has(name: CheckName, text: str) -> None:
    record = record_of({"prompt": "x", "completion": text})
    new, places = mender_of(name)(record)
    assert (places == 0) == (list(FINDERS[name](text)) == [])
    assert (new is record) == (places == 0)


@pytest.mark.parametrize("name", [MENDED[0], MENDED[1]])
@given(
    value=st.lists(VALUES, max_size=3) | st.dictionaries(TEXTS, VALUES, max_size=3),
    indent=st.sampled_from([None, 2]),
    ascii_only=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_what_was_json_is_json(name: CheckName, value: object, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    json.loads(mended(name, text))


def test_mends_hidden_characters_first() -> None:
    spec = FineTuneJobSpec.model_validate(
        {
            "model": {"uri": "s3://m/m", "id": "o/m"},
            "stages": [{"name": "sft", "method": "SFT", "dataset": {"uri": "s3://d/d.jsonl"}}],
            "output": {"uri": "s3://o/o"},
            "data": {"checks": dict.fromkeys(map(str, FINDERS), ActionOrFix.FIX)},
        }
    )
    record: Record = record_of({"prompt": "x", "completion": "anna\u200b@mail.org"})
    for mend in make_menders(CheckContext(spec)).values():
        record, _ = mend(record)
    assert record.answer_text == "[EMAIL]"


@pytest.mark.parametrize(
    ("row", "same_as"),
    [
        pytest.param({"prompt": "Mail a@b.de", "completion": "x"}, {"prompt": "Mail [EMAIL]", "completion": "x"}, id="a prompt"),
        pytest.param({"text": "Mail a@b.de"}, {"text": "Mail [EMAIL]"}, id="a text without a prompt"),
    ],
)  # fmt: skip
def test_rows_that_become_equal_have_one_key(row: dict[str, str], same_as: dict[str, str]) -> None:
    shape = Shape(DatasetFormat.TEXT if "text" in row else DatasetFormat.PROMPT_COMPLETION, None, Method.SFT)
    mended, _ = mender_of(CheckName.PERSONAL_DATA)(convert(RawRow(1, row), shape))
    assert mended == convert(RawRow(1, same_as), shape)


@pytest.mark.parametrize("name", MENDED)
@pytest.mark.parametrize(
    "piece",
    ["a", "1", "1 ", "+1", "00", "@a.", "a@", "AKIA", "eyJa.", "key=", "token ", "://a:", "\u200b", "a:", "1:", "x-----BEGIN PRIVATE KEY-----", "A1b", "tel 1"],
)  # fmt: skip
def test_takes_time_in_proportion(name: CheckName, piece: str) -> None:
    """A row of a megabyte must not take a thousand times that of a kilobyte's thousand; a check that is quadratic would not end here."""
    text = piece * (100_000 // len(piece))
    assert isinstance(list(FINDERS[name](text)), list)


MAIL, OTHER = "jane.doe@example.org", "john.roe@example.org"
HIDING: list[Any] = [
    pytest.param({"id": MAIL}, {"id": "[EMAIL]"}, id="as an id"),
    pytest.param({"role": MAIL, "type": [MAIL]}, {"role": "[EMAIL]", "type": ["[EMAIL]"]}, id="as a role and a type"),
    pytest.param({"card": 4111111111111111, "count": 12}, {"card": "[CARD]", "count": 12}, id="as a number"),
    pytest.param({MAIL: 1, OTHER: 2}, {"[EMAIL]": 1, "[EMAIL] 2": 2}, id="as keys, and both values are kept"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "expected"), HIDING)
def test_mends_whatever_stands_in_the_arguments_of_a_call(arguments: dict[str, Any], expected: dict[str, Any]) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    row = {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": None, "tool_calls": [call]}]}
    found, places = mender_of(CheckName.PERSONAL_DATA)(
        convert(RawRow(1, row), Shape(DatasetFormat.MESSAGES, None, Method.SFT))
    )
    (message,) = found.examples[-1].answers["completion"]
    (mended_call,) = message["tool_calls"]
    assert mended_call == {**call, "function": {"name": "f", "arguments": expected}}
    assert places == sum(str(found).count(mark) for mark in ("[EMAIL]", "[CARD]"))
