"""The reference sketch: what ordinary traffic looks like, without a word of it. `evaluate` publishes it, the monitor compares with it."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from tunewright_api.base import ObservedModel

SKETCH_FILE = "reference.json"
"""Name of the sketch in the adapter's folder."""


class Signal(StrEnum):
    """What is compared. A closed list: it is a label of metrics."""

    PROMPT_CHARACTERS = "prompt_characters"
    RESPONSE_CHARACTERS = "response_characters"


class Distribution(ObservedModel):
    """One signal's reference: decile edges with counts, and a sorted sample of the values."""

    count: Annotated[int, Field(ge=0)]
    edges: list[float]
    """Inner bin edges, ascending, duplicates removed; bins are (-inf, e1], (e1, e2], ..., (en, inf)."""
    counts: list[int]
    """Values in each bin; one more than edges."""
    sample: Annotated[list[float], Field(max_length=5000)]
    """At most 5000 values, ascending, evenly spaced by rank."""


class ReferenceSketch(ObservedModel):
    """All signals of one adapter."""

    schema_version: int = 1
    signals: dict[Signal, Distribution]
