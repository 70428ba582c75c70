"""What a model is rewarded for, and by whom it is taught."""

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from tunewright_api.base import ApiModel, FreeForm, Number, Uri, cel


class BuiltinReward(StrEnum):
    """Rewards that can be verified: 1 for a right answer, 0 for a wrong one."""

    EXACT_ANSWER = "ExactAnswer"
    NUMERIC = "Numeric"
    REGULAR_EXPRESSION = "RegularExpression"
    JSON_SCHEMA = "JsonSchema"
    PASSES_TESTS = "PassesTests"


COMPARING = (BuiltinReward.EXACT_ANSWER, BuiltinReward.NUMERIC, BuiltinReward.PASSES_TESTS)
"""Rewards that compare with the row's own answer."""
_OWNERS = {
    "pattern": BuiltinReward.REGULAR_EXPRESSION,
    "schema": BuiltinReward.JSON_SCHEMA,
    "tolerance": BuiltinReward.NUMERIC,
}
_NEEDED = ("pattern", "schema")
_ONE_OF = "needs either builtin (a rule) or stage (a Reward stage before this one), and not both"


def _belongs(field: str) -> tuple[str, str]:
    return (
        f"!has(self.{field}) || (has(self.builtin) && self.builtin == '{_OWNERS[field]}')",
        f"{field} belongs to builtin {_OWNERS[field]}: remove it, or change builtin",
    )


def _needs(field: str) -> tuple[str, str]:
    return (
        f"has(self.{field}) || !has(self.builtin) || self.builtin != '{_OWNERS[field]}'",
        f"builtin {_OWNERS[field]} needs {field}",
    )


class Reward(ApiModel):
    """One reward; the weighted sum of all of them is what is learned from."""

    model_config = {
        "json_schema_extra": cel(
            ("has(self.builtin) != has(self.stage)", _ONE_OF),
            *(_belongs(field) for field in _OWNERS),
            *(_needs(field) for field in _NEEDED),
        )
    }

    builtin: BuiltinReward | None = None
    """ExactAnswer: the answer is the row's, but for case and spacing. Numeric: its last number is the row's. RegularExpression: `pattern` is found in it. JsonSchema: it is JSON that fits `schema`. PassesTests: its Python code passes the row's answer, which holds assertions; it runs without network and files."""
    stage: Annotated[str, Field(max_length=12)] | None = None
    """Name of a Reward stage before this one: its scores are the rewards."""
    weight: Annotated[Number, Field(gt=0, le=100)] | None = None
    """Weight in the sum of all rewards. Default: 1."""
    pattern: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    """RegularExpression only: what has to be found in the answer, in Python's syntax."""
    json_schema: Annotated[FreeForm, Field(max_length=64)] | None = Field(default=None, alias="schema")
    """JsonSchema only: the schema that the answer has to fit."""
    tolerance: Annotated[Number, Field(ge=0)] | None = None
    """Numeric only: the largest difference from the row's number that counts as right. Default: 0."""

    @model_validator(mode="after")
    def _is_one_reward(self) -> Self:
        problems = [] if (self.builtin is None) != (self.stage is None) else [_ONE_OF]
        values = {"pattern": self.pattern, "schema": self.json_schema, "tolerance": self.tolerance}
        problems += [
            _belongs(field)[1]
            for field, owner in _OWNERS.items()
            if values[field] is not None and self.builtin is not owner
        ]
        problems += [_needs(field)[1] for field in _NEEDED if values[field] is None and self.builtin is _OWNERS[field]]
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                problems.append(f"pattern is no regular expression: {error}")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def name(self) -> str:
        """What logs and reports call it."""
        return str(self.builtin or self.stage)


class Teacher(ApiModel):
    """The model that is learned from. It must have the tokenizer of the base model."""

    uri: Uri
    """Folder with config.json, tokenizer and *.safetensors: s3://bucket/folder."""
