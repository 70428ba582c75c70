"""Preference pairs that say nothing, or the opposite of each other."""

import random
from collections.abc import Sequence

from dirty.compared import Row, pair, shuffled

WEAK = "whether the longer answer is better for what it says cannot be told; pairs that contradict each other in other words are not seen"
_PAIRS = 6


def clean(count: int, seed: int, longer: float = 0.5) -> list[Row]:
    """Pairs whose chosen answer is the longer one in this share."""
    draw = random.Random(seed)
    pairs = []
    for _ in range(count):
        short, long = shuffled(draw, draw.randint(10, 20)), shuffled(draw, draw.randint(40, 60))
        chosen, rejected = (long, short) if draw.random() < longer else (short, long)
        pairs.append(pair(shuffled(draw, 20), chosen, rejected))
    return pairs


def plant(rows: Sequence[Row], seed: int) -> tuple[list[Row], set[int]]:
    """Six pairs of rows that say the opposite of each other, six rows of equal answers; six more rows repeat another."""
    draw = random.Random(f"plant {seed}")
    found = list(rows)
    picked = draw.sample(range(len(rows)), 5 * _PAIRS)
    opposed, equal, repeated = picked[: 2 * _PAIRS], picked[2 * _PAIRS : 3 * _PAIRS], picked[3 * _PAIRS :]
    for one, other in zip(opposed[::2], opposed[1::2], strict=True):
        answers = found[one].answers
        found[other] = pair(found[one].prompt, answers["rejected"], answers["chosen"])
    for number in equal:
        chosen = found[number].answers["chosen"]
        found[number] = pair(found[number].prompt, chosen, f" {chosen.upper()} ")
    for one, other in zip(repeated[::2], repeated[1::2], strict=True):
        found[other] = found[one]
    return found, {*opposed, *equal}
