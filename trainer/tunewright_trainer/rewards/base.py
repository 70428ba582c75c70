"""What a reward is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Messages = list[dict[str, Any]]


@dataclass(frozen=True)
class Answer:
    """One answer of the model, and what it is held against."""

    prompt: Messages
    text: str
    reference: str
    """The right answer, or whatever else the row says that it needs; empty where there is none."""


Reward = Callable[[Sequence[Answer]], list[float]]
"""Scores answers, in their order."""
