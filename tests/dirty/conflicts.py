"""Prompts that are answered in different ways, beside equal prompts under different system messages."""

import random
from collections.abc import Sequence
from dataclasses import replace

from dirty.compared import Row, clean

__all__ = ["clean", "plant"]
WEAK = "two good answers count as a conflict; prompts that mean the same in other words are not seen"
_PAIRS = 8


def plant(rows: Sequence[Row], seed: int) -> tuple[list[Row], set[int]]:
    """Eight pairs of rows with one prompt and two answers; as many with one prompt under two system messages."""
    draw = random.Random(f"plant {seed}")
    found = list(rows)
    picked = draw.sample(range(len(rows)), 4 * _PAIRS)
    pairs = list(zip(picked[::2], picked[1::2], strict=True))
    for index, (one, other) in enumerate(pairs):
        system = "" if index < _PAIRS else "You are a pirate."
        found[other] = replace(found[other], prompt=found[one].prompt, system=system)
    return found, {number for both in pairs[:_PAIRS] for number in both}
