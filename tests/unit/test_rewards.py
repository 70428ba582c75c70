"""Rewards that can be verified: which answers are right."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from tunewright_api.rewards import Reward
from tunewright_trainer.rewards.base import Answer
from tunewright_trainer.rewards.rules import built_in, last_number

OBJECT = {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}


def reward(text: str, reference: str = "", **wire: Any) -> float:
    (value,) = built_in(Reward.model_validate(wire))([Answer([], text, reference)])
    return value


RULES = [
    pytest.param("Paris", "paris ", {"builtin": "ExactAnswer"}, 1.0, id="the answer but for case and spacing"),
    pytest.param("Paris, France", "Paris", {"builtin": "ExactAnswer"}, 0.0, id="more than the answer"),
    pytest.param("so it is 1,234.50", "#### 1234.5", {"builtin": "Numeric"}, 1.0, id="the same number written otherwise"),
    pytest.param("3 + 4 = 8", "7", {"builtin": "Numeric"}, 0.0, id="another last number"),
    pytest.param("about 3.14", "3.14159", {"builtin": "Numeric", "tolerance": 0.01}, 1.0, id="a number near enough"),
    pytest.param("I do not know", "7", {"builtin": "Numeric"}, 0.0, id="no number"),
    pytest.param("-5", "5", {"builtin": "Numeric"}, 0.0, id="the other sign"),
    pytest.param("<b>7</b>", "", {"builtin": "RegularExpression", "pattern": "<b>[0-9]+</b>"}, 1.0, id="a pattern that is found"),
    pytest.param("7", "", {"builtin": "RegularExpression", "pattern": "<b>"}, 0.0, id="a pattern that is not"),
    pytest.param("a" * 40, "", {"builtin": "RegularExpression", "pattern": "^(a|aa|a?a)+$b"}, 0.0, id="a pattern that would take years"),
    pytest.param('{"city": "Rome"}', "", {"builtin": "JsonSchema", "schema": OBJECT}, 1.0, id="JSON of the schema"),
    pytest.param('Here:\n```json\n{"city": "Rome"}\n```', "", {"builtin": "JsonSchema", "schema": OBJECT}, 1.0, id="JSON between fences"),
    pytest.param('{"city": 7}', "", {"builtin": "JsonSchema", "schema": OBJECT}, 0.0, id="JSON of another schema"),
    pytest.param("city: Rome", "", {"builtin": "JsonSchema", "schema": OBJECT}, 0.0, id="no JSON"),
    pytest.param("[" * 100_000, "", {"builtin": "JsonSchema", "schema": OBJECT}, 0.0, id="JSON too deep to read"),
    pytest.param("```python\ndef f(x): return x + 1\n```", "assert f(1) == 2", {"builtin": "PassesTests"}, 1.0, id="code that passes"),
    pytest.param("def f(x): return x", "assert f(1) == 2", {"builtin": "PassesTests"}, 0.0, id="code that fails"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reference", "wire", "value"), RULES)
def test_a_rule_rewards_what_is_right(text: str, reference: str, wire: dict[str, Any], value: float) -> None:
    assert reward(text, reference, **wire) == value


NUMBERS = [
    pytest.param("1,234,567", "1234567", id="with commas"),
    pytest.param("x = .5.", "0.5", id="without a leading zero, at the end of a sentence"),
    pytest.param("2e3 or so", "2000", id="with an exponent"),
    pytest.param("in 2024, 12 cats", "12", id="the last of two"),
    pytest.param("1, 2, 3", "3", id="the last of a list"),
]


@pytest.mark.parametrize(("text", "number"), NUMBERS)
def test_the_last_number_of_a_text(text: str, number: str) -> None:
    found = last_number(text)
    assert found is not None
    assert float(found) == float(number)


REFUSED = [
    pytest.param({}, "needs either builtin (a rule) or stage", id="no reward at all"),
    pytest.param({"builtin": "RegularExpression"}, "builtin RegularExpression needs pattern", id="a pattern that is missing"),
    pytest.param({"builtin": "RegularExpression", "pattern": "("}, "pattern is no regular expression: missing ), unterminated subpattern", id="half a pattern"),
    pytest.param({"builtin": "Numeric", "pattern": "7"}, "pattern belongs to builtin RegularExpression: remove it, or change builtin", id="a pattern for a number"),
]  # fmt: skip


@pytest.mark.parametrize(("wire", "words"), REFUSED)
def test_a_reward_that_cannot_be_is_refused(wire: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Reward.model_validate(wire)
    assert words in json.loads(caught.value.json())[0]["msg"]
