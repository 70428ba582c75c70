"""Categories of very different sizes."""

import random
from collections.abc import Sequence
from dataclasses import replace

from dirty import compared
from dirty.compared import Row
from tunewright_trainer.prepare.split import Part

WEAK = "kinds that the rows do not name"
_RARE = 12


def clean(count: int, seed: int) -> list[Row]:
    """Three categories of about equal size, half of each for the test."""
    draw = random.Random(seed)
    names, parts = ["billing", "delivery", "account"], [Part.TRAIN, Part.TEST]
    rows = compared.clean(count, seed, 20)
    return [replace(row, category=names[index % 3], part=draw.choice(parts)) for index, row in enumerate(rows)]


def plant(rows: Sequence[Row], seed: int) -> tuple[list[Row], set[int]]:
    """Twelve rows have a category of their own."""
    truth = set(random.Random(f"plant {seed}").sample(range(len(rows)), _RARE))
    return [replace(row, category=f"rare {index}") if index in truth else row for index, row in enumerate(rows)], truth
