"""Rows longer than the limit of their stage."""

import random
from collections.abc import Sequence

from dirty.outliers import clean, words
from dirty.rows import Planted, Row

__all__ = ["clean", "plant"]
WEAK = "none known: lengths are exact"
LEAST_RECALL = 1.0


def plant(rows: Sequence[Row], seed: int) -> Planted:
    """Ten of them."""
    draw = random.Random(seed)
    changed = [dict(row) for row in rows]
    places = draw.sample(range(len(rows)), 10)
    for place in places:
        changed[place]["completion"] = words(draw, draw.randint(3000, 4000))
    return changed, frozenset(places)
