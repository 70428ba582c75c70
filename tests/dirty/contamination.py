"""Held-out rows that stand in the training rows too."""

import random
from dataclasses import replace

from dirty.compared import Row, ask, clean, reworded, shuffled
from tunewright_trainer.prepare.split import Part


def plant(rows: int, seed: int) -> tuple[list[Row], set[int]]:
    """A fifth of the rows is held out; one training row in twenty has the prompt of one, is nearly one, or quotes one in a longer text."""
    draw = random.Random(seed)
    found = clean(rows, seed)
    held = sorted(draw.sample(range(rows), rows // 5))
    for number in held:
        found[number] = replace(found[number], part=draw.choice((Part.VALIDATION, Part.TEST)), stage=draw.randrange(2))
    truth = set(draw.sample([number for number in range(rows) if found[number].part is Part.TRAIN], rows // 20))
    for index, number in enumerate(sorted(truth)):
        original = found[draw.choice(held)]
        found[number] = _taken_over(draw, original, index % 3)
    return found, truth


def _taken_over(draw: random.Random, original: Row, how: int) -> Row:
    answer = original.answers["completion"]
    if how == 0:
        return ask(original.prompt.title(), shuffled(draw, 30))
    if how == 1:
        return ask(f"{original.prompt} please", reworded(draw, answer, 0))
    return ask(shuffled(draw, 20), f"{shuffled(draw, 40)} {original.prompt} {answer} {shuffled(draw, 40)}")
