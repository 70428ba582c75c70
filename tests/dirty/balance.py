"""Categories of very different sizes."""

import random
from dataclasses import replace

from dirty.compared import Row, clean
from tunewright_trainer.prepare.split import Part

SHARES = {"billing": 0.55, "delivery": 0.4, "account": 0.045, "legal": 0.005}


def plant(rows: int, seed: int) -> tuple[list[Row], set[str]]:
    """Four categories, a tenth of each for the test; and which are rare or have fewer than 30 test rows."""
    draw = random.Random(seed)
    names = draw.choices(list(SHARES), weights=list(SHARES.values()), k=rows)
    found = [
        replace(row, category=name, part=Part.TEST if draw.random() < 0.1 else Part.TRAIN)
        for row, name in zip(clean(rows, seed, 20), names, strict=True)
    ]
    training = [row.category for row in found if row.part is Part.TRAIN]
    tested = [row.category for row in found if row.part is Part.TEST]
    return found, {name for name in SHARES if tested.count(name) < 30 or training.count(name) < 0.01 * len(training)}
