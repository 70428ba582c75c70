"""How the tuned model is held against the base model."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from tunewright_api.base import ApiModel, Integer


class MetricName(StrEnum):
    """What is measured on held-out rows, for the base and for the tuned model."""

    LOSS = "loss"
    ROUGE_L = "rougeL"
    EXACT_MATCH = "exactMatch"
    PREFERENCE_ACCURACY = "preferenceAccuracy"
    REWARD = "reward"


class Evaluation(ApiModel):
    """Base against tuned on the same held-out rows, which no stage has trained on."""

    metrics: (
        Annotated[
            list[MetricName], Field(min_length=1, max_length=8, json_schema_extra={"x-kubernetes-list-type": "set"})
        ]
        | None
    ) = None
    """Default: loss and rougeL where a stage has answers to learn, preferenceAccuracy where one has pairs, reward where one is rewarded."""
    max_rows: Annotated[Integer, Field(ge=1, le=100_000)] | None = None
    """Held-out rows to answer, chosen by seed; loss is always taken over all of them. Default: 200."""
    max_new_tokens: Annotated[Integer, Field(ge=1, le=8192)] | None = None
    """Longest answer, in tokens. Default: 256."""
    samples: Annotated[Integer, Field(ge=0, le=50)] | None = None
    """Answers of base and tuned kept side by side in the report. Default: 5."""
