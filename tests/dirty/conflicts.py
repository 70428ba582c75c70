"""Prompts that are answered in different ways."""

import random
from dataclasses import replace

from dirty.compared import Row, clean


def plant(rows: int, seed: int) -> tuple[list[Row], set[int]]:
    """One row in twenty has the prompt of another and an answer of its own; both are found. As many have another's prompt under a system
    message of their own: no conflict."""
    draw = random.Random(seed)
    found = clean(rows, seed)
    picked = draw.sample(range(rows), rows // 20 * 4)
    quarter = len(picked) // 4
    truth = set()
    for one, other in zip(picked[:quarter], picked[quarter : 2 * quarter], strict=True):
        found[other] = replace(found[other], prompt=found[one].prompt)
        truth |= {one, other}
    for one, other in zip(picked[2 * quarter : 3 * quarter], picked[3 * quarter :], strict=True):
        found[other] = replace(found[other], prompt=found[one].prompt, system="You are a pirate.")
    return found, truth
