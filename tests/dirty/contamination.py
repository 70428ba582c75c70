"""Held-out rows that stand in the training rows too."""

import random
from collections.abc import Sequence
from dataclasses import replace

from dirty import compared
from dirty.compared import Row, ask, shuffled
from tunewright_trainer.prepare.split import Part

WEAK = "a held-out question in other words; rows of fewer than 15 words that are quoted in longer ones"


def clean(count: int, seed: int) -> list[Row]:
    """A fifth of the rows is held out."""
    draw = random.Random(seed)
    parts = [Part.TRAIN] * 8 + [Part.VALIDATION, Part.TEST]
    return [replace(row, part=draw.choice(parts)) for row in compared.clean(count, seed)]


def plant(rows: Sequence[Row], seed: int) -> tuple[list[Row], set[int]]:
    """One row in twenty has the prompt of a held-out one, is nearly one, or quotes one in a longer text; as many quote a few words of one."""
    draw = random.Random(f"plant {seed}")
    found = list(rows)
    held = [number for number, row in enumerate(rows) if row.part is not Part.TRAIN]
    training = [number for number, row in enumerate(rows) if row.part is Part.TRAIN]
    twentieth = len(rows) // 20
    picked = draw.sample(training, 2 * twentieth)
    for index, number in enumerate(picked):
        found[number] = _taken_over(draw, found[draw.choice(held)], index % 3 if index < twentieth else 3)
    return found, set(picked[:twentieth])


def _taken_over(draw: random.Random, original: Row, how: int) -> Row:
    answer = original.answers["completion"]
    if how == 0:
        return ask(original.prompt.upper(), shuffled(draw, 30))
    if how == 1:
        return ask(f"{original.prompt} please", answer)
    if how == 2:
        return ask(shuffled(draw, 20), f"{shuffled(draw, 40)} {original.prompt} {answer} {shuffled(draw, 40)}")
    return ask(shuffled(draw, 20), f"{shuffled(draw, 20)} {' '.join(answer.split()[:10])} {shuffled(draw, 20)}")
