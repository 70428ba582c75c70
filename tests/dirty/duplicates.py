"""Rows that stand more than once."""

import random
from dataclasses import replace

from dirty.compared import Row, clean


def plant(rows: int, seed: int) -> tuple[list[Row], set[int]]:
    """One row in ten is a copy of an earlier one, a third of these in other case and spacing; and which."""
    draw = random.Random(seed)
    found = clean(rows, seed)
    truth = set(draw.sample(range(rows // 10, rows), rows // 10))
    for number in sorted(truth):
        original = found[draw.randrange(number)]
        copies = [original, original, replace(original, prompt=f"  {original.prompt.upper()}\n")]
        found[number] = draw.choice(copies)
    return found, truth
