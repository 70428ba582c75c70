"""Masks what must not be told: names of columns, keys and categories are anybody's words too, and sentences quote them."""

from functools import lru_cache

from tunewright_trainer.prepare.checks import personal_data, secrets
from tunewright_trainer.prepare.redaction import redacted

REMEMBERED = 4096
"""A reason or a category stands in many rows."""


@lru_cache(REMEMBERED)
def masked(text: str) -> str:
    """The text with a mark such as [EMAIL] or [SECRET] in place of each thing that the gate itself looks for."""
    text, _ = redacted(text, personal_data.spans, lambda kind: f"[{kind.upper()}]")
    text, _ = redacted(text, secrets.spans, lambda _: "[SECRET]")
    return text
