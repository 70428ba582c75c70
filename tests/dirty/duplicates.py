"""Rows that stand more than once, beside rows that differ from another in one word."""

import random
from collections.abc import Sequence
from dataclasses import replace

from dirty.compared import Row, clean

__all__ = ["clean", "plant"]
WEAK = "none known: it is exact; rows that differ in a character are near-duplicates"


def plant(rows: Sequence[Row], seed: int) -> tuple[list[Row], set[int]]:
    """One row in twenty is a copy of an earlier one, a third of these in other case and spacing; as many differ in a word or in the system message."""
    draw = random.Random(f"plant {seed}")
    found = list(rows)
    twentieth = len(rows) // 20
    picked = draw.sample(range(twentieth, len(rows)), 2 * twentieth)
    truth, decoys = set(picked[:twentieth]), set(picked[twentieth:])
    originals = [number for number in range(len(rows)) if number not in truth | decoys]
    for number in sorted(truth):
        original = found[draw.choice([other for other in originals if other < number] or [0])]
        found[number] = draw.choice([original, original, replace(original, prompt=f"  {original.prompt.upper()}\n")])
    for number, other in zip(sorted(decoys), draw.sample(originals, len(decoys)), strict=True):
        original = found[other]
        found[number] = draw.choice(
            [replace(original, prompt=f"{original.prompt} now"), replace(original, system="Be brief.")]
        )
    return found, truth
