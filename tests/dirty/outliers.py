"""Rows and answers far longer or shorter than the rest."""

import random
from collections.abc import Sequence

from dirty.rows import Planted, Row, docstrings

WEAK = "rows that are odd in other ways than length; lengths in two heaps far apart hide what lies between them"
LEAST_RECALL = 1.0


def words(draw: random.Random, count: int) -> str:
    """Words of docstrings."""
    every = " ".join(text for _, text in draw.choices(docstrings(), k=count // 10 + 1)).split()
    return " ".join(every[:count])


def clean(count: int, seed: int) -> list[Row]:
    """Rows of 60 to 200 words."""
    draw = random.Random(seed)
    return [
        {"prompt": words(draw, draw.randint(20, 60)), "completion": words(draw, draw.randint(40, 140))}
        for _ in range(count)
    ]


def plant(rows: Sequence[Row], seed: int) -> Planted:
    """Eight answers of a page or more, and eight of one word."""
    draw = random.Random(seed)
    changed = [dict(row) for row in rows]
    places = draw.sample(range(len(rows)), 16)
    for place in places[:8]:
        changed[place]["completion"] = words(draw, draw.randint(3000, 5000))
    for place in places[8:]:
        changed[place]["completion"] = draw.choice(("Yes", "No.", "See above"))
    return changed, frozenset(places)
