"""Rewards that can be verified. Pure; 1 for a right answer, 0 for a wrong one."""

import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import regex
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from tunewright_api.rewards import BuiltinReward
from tunewright_api.rewards import Reward as RewardSpec
from tunewright_trainer.rewards.base import Answer, Reward
from tunewright_trainer.rewards.sandbox import passes_tests
from tunewright_trainer.shell.errors import InvalidSpec

MATCHING_SECONDS = 1.0
"""A pattern may take exponential time on an unlucky answer; that answer is then wrong."""
_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+|(?<=\d))(?:[eE][-+]?\d+)?")
_FENCE = re.compile(r"```[a-zA-Z]*\n(.*?)```", re.DOTALL)

Rule = Callable[[Answer], bool]


def built_in(reward: RewardSpec) -> Reward:
    """The reward that a spec names."""
    rules: dict[BuiltinReward, Callable[[RewardSpec], Rule]] = {
        BuiltinReward.EXACT_ANSWER: lambda _: _exact,
        BuiltinReward.NUMERIC: _numeric,
        BuiltinReward.REGULAR_EXPRESSION: _regular_expression,
        BuiltinReward.JSON_SCHEMA: _json_schema,
        BuiltinReward.PASSES_TESTS: lambda _: _passes_tests,
    }
    if reward.builtin is None:
        raise ValueError(f"reward {reward.name} is no rule")
    rule = rules[reward.builtin](reward)

    def score(answers: Sequence[Answer]) -> list[float]:
        return [float(rule(answer)) for answer in answers]

    return score


def _exact(answer: Answer) -> bool:
    return " ".join(answer.text.casefold().split()) == " ".join(answer.reference.casefold().split())


def last_number(text: str) -> Decimal | None:
    """The last number of a text: 1,234.5 or -3e4."""
    found = [match for match in _NUMBER.findall(text) if match.strip("+-.,")]
    try:
        return Decimal(found[-1].replace(",", "")) if found else None
    except InvalidOperation:
        return None


def _numeric(reward: RewardSpec) -> Rule:
    tolerance = Decimal(str(reward.tolerance or 0))

    def right(answer: Answer) -> bool:
        said, wanted = last_number(answer.text), last_number(answer.reference)
        return said is not None and wanted is not None and abs(said - wanted) <= tolerance

    return right


def _regular_expression(reward: RewardSpec) -> Rule:
    try:
        pattern = regex.compile(reward.pattern or "")
    except regex.error as error:
        raise InvalidSpec(f"rewards[{reward.name}].pattern is no regular expression: {error}") from error

    def right(answer: Answer) -> bool:
        try:
            return pattern.search(answer.text, timeout=MATCHING_SECONDS) is not None
        except TimeoutError:
            return False

    return right


def _json_schema(reward: RewardSpec) -> Rule:
    schema = reward.json_schema or {}
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise InvalidSpec(f"rewards[{reward.name}].schema is no JSON schema: {error.message}") from error
    validator = Draft202012Validator(schema)

    def right(answer: Answer) -> bool:
        try:
            return bool(validator.is_valid(json.loads(unfenced(answer.text))))
        except (ValueError, RecursionError):
            return False

    return right


def _passes_tests(answer: Answer) -> bool:
    return passes_tests(unfenced(answer.text), answer.reference)


def unfenced(text: str) -> str:
    """The first block between ``` fences, or the whole text."""
    found: Any = _FENCE.search(text)
    return str(found[1]) if found else text
