"""Preference pairs that say nothing, or the opposite of each other."""

import random

from dirty.compared import Row, pair, shuffled


def plant(rows: int, seed: int) -> tuple[list[Row], set[int]]:
    """Pairs of like lengths; one in twenty says the opposite of another (both are found), one in twenty has equal answers."""
    draw = random.Random(seed)
    found = fair(rows, seed)
    picked = draw.sample(range(rows), rows // 20 * 3)
    twentieth = len(picked) // 3
    truth = set(picked)
    for one, other in zip(picked[:twentieth], picked[twentieth : 2 * twentieth], strict=True):
        answers = found[one].answers
        found[other] = pair(found[one].prompt, answers["rejected"], answers["chosen"])
    for number in picked[2 * twentieth :]:
        chosen = found[number].answers["chosen"]
        found[number] = pair(found[number].prompt, chosen, f" {chosen.upper()} ")
    return found, truth


def fair(rows: int, seed: int, longer: float = 0.5) -> list[Row]:
    """Pairs whose chosen answer is the longer one in this share."""
    draw = random.Random(seed)
    pairs = []
    for _ in range(rows):
        short, long = shuffled(draw, draw.randint(10, 20)), shuffled(draw, draw.randint(40, 60))
        chosen, rejected = (long, short) if draw.random() < longer else (short, long)
        pairs.append(pair(shuffled(draw, 20), chosen, rejected))
    return pairs
