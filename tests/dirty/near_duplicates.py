"""Rows with copies that differ in a few words, and the truth by brute force."""

import random
from collections.abc import Sequence
from math import sqrt

import numpy as np
from scipy.sparse import csr_matrix

from dirty.compared import Row, ask, passage, reworded
from tunewright_trainer.prepare.similarity.sets import THRESHOLD, shingles_of
from tunewright_trainer.prepare.similarity.texts import whole_text

COPIED_SHARE = 0.3
WEAK = "the same thing in other words; rows of a template that differ in fewer than four words of their own count as near-duplicates"
LENGTHS = (12, 25, 60, 120, 200, 400)
_BLOCK = 1000


def clean(count: int, seed: int) -> list[Row]:
    """Passages of prose, of many lengths."""
    draw = random.Random(seed)
    found = []
    for _ in range(count):
        words = draw.choice(LENGTHS)
        found.append(ask(passage(draw, words // 3), passage(draw, words - words // 3)))
    return found


def plant(rows: Sequence[Row], seed: int) -> tuple[list[Row], set[int]]:
    """Three rows in ten are copies of earlier ones with changed words: a cosine of 0.85 to 1, most of them near the threshold. And which rows
    (exact copies counted with their first) have an earlier one that is nearly the same, by brute force: passages overlap by themselves too."""
    draw = random.Random(f"plant {seed}")
    found = list(rows)
    for number in range(1, len(rows)):
        if draw.random() < COPIED_SHARE:
            original = found[draw.randrange(number)]
            answer = original.answers["completion"]
            words = len(original.prompt.split()) + len(answer.split())
            found[number] = ask(original.prompt, reworded(draw, answer, draw.randint(0, max(words // 40, 1))))
    twins = {later for later, _ in alike(found)}
    firsts: dict[str, int] = {}
    return found, {row for row, text in enumerate(_texts(found)) if firsts.setdefault(text, row) in twins}


def _texts(rows: Sequence[Row]) -> list[str]:
    return [" ".join(whole_text(row.record(1)).casefold().split()) for row in rows]


def alike(rows: Sequence[Row]) -> set[tuple[int, int]]:
    """All pairs (later, earlier) of rows that are nearly, but not exactly the same: every row held against every other."""
    sets = [shingles_of(whole_text(row.record(1))) for row in rows]
    numbers: dict[bytes, int] = {}
    columns = [numbers.setdefault(shingle, len(numbers)) for found in sets for shingle in sorted(found)]
    sizes = np.array([len(found) for found in sets])
    matrix = csr_matrix((np.ones(len(columns), np.float32), columns, np.concatenate(([0], np.cumsum(sizes)))))
    texts = _texts(rows)
    pairs = set()
    for first in range(0, len(rows), _BLOCK):
        common = (matrix[first : first + _BLOCK] @ matrix.T).tocoo()
        later, earlier = common.row + first, common.col
        candidates = (common.data >= THRESHOLD * np.sqrt(sizes[later] * sizes[earlier]) - 1e-3) & (earlier < later)
        for one, other in zip(later[candidates].tolist(), earlier[candidates].tolist(), strict=True):
            exact = len(sets[one] & sets[other]) / sqrt(len(sets[one]) * len(sets[other])) >= THRESHOLD
            if exact and texts[one] != texts[other]:
                pairs.add((one, other))
    return pairs
