"""Rows that the chat template of `tokenizer` refuses, or does not end."""

import random
from collections.abc import Sequence
from typing import Any

from dirty.rows import Planted, Row

WEAK = "templates that lose a part of an answer and keep its end; the reason is told only where it is a sentence of the template"
LEAST_RECALL = 1.0


def _with_system(row: Row) -> list[dict[str, Any]]:
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": row["prompt"]}]


def plant(rows: Sequence[Row], seed: int) -> Planted:
    """Six with a system message, which the template refuses, and six whose answers it does not end."""
    places = random.Random(seed).sample(range(len(rows)), 12)
    changed = [dict(row) for row in rows]
    for place in places[:6]:
        changed[place]["prompt"] = _with_system(rows[place])
    for place in places[6:]:
        changed[place]["completion"] = "[open] " + rows[place]["completion"]
    return changed, frozenset(places)
