"""Rows that a model has written, more of them than are allowed."""

import random
from collections.abc import Sequence

from dirty.rows import Planted, Row
from dirty.rows import clean as docstring_rows

WEAK = "rows that are not marked; nothing is guessed"
LEAST_RECALL = 1.0
ROWS = 32
MARKED = 18


def clean(count: int, seed: int) -> list[Row]:
    """A small stage: the examples of a check name 20 rows at most."""
    return docstring_rows(min(count, ROWS), seed)


def plant(rows: Sequence[Row], seed: int) -> Planted:
    """Marks more than half of the rows."""
    places = frozenset(random.Random(seed).sample(range(len(rows)), MARKED))
    return [{**row, "synthetic": index in places} for index, row in enumerate(rows)], places
