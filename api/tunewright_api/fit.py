"""The estimate of what a run will need: memory, time, money. Always with the assumptions it rests on."""

from typing import Annotated

from pydantic import Field

from tunewright_api.base import ObservedModel, ShortText, Text


class StageFit(ObservedModel):
    """One stage."""

    name: ShortText
    tokens_per_epoch: int
    """Tokens of the training rows."""
    steps: int
    """Optimizer steps in all."""
    gpu_memory_bytes: int
    """Peak of the training pod's GPU."""
    seconds: float
    """Training alone, on the GPU that is assumed."""


class FitEstimate(ObservedModel):
    """All stages."""

    gpu: ShortText
    """The GPU that is assumed."""
    gpu_memory_bytes: int
    """What that GPU has."""
    fits: bool
    stages: Annotated[list[StageFit], Field(max_length=8)] = []
    gpu_hours: float = 0.0
    cost: float | None = None
    """In `currency`; absent without a price."""
    currency: ShortText = ""
    assumptions: Annotated[list[Text], Field(max_length=32)] = []
    advice: Text = ""
    """The cheapest change that would fit, if it does not."""
