"""One answer under unrelated prompts."""

import random

from dirty.compared import Row, ask, clean, reworded, shuffled


def plant(rows: int, seed: int) -> tuple[list[Row], set[int]]:
    """Three stock answers of 40 words, each in two rows of a hundred, half of them with one word changed at the end; and many rows that say
    `yes` only, which is no finding."""
    draw = random.Random(seed)
    found = clean(rows, seed)
    picked = draw.sample(range(rows), rows // 50 * 3)
    answers = [shuffled(draw, 40) for _ in range(3)]
    for index, number in enumerate(picked):
        answer = answers[index % 3]
        if draw.random() < 0.5:
            answer = f"{answer} {reworded(draw, 'x', 1)}"
        found[number] = ask(found[number].prompt, answer)
    for number in draw.sample([number for number in range(rows) if number not in set(picked)], rows // 10):
        found[number] = ask(found[number].prompt, "Yes, it is.")
    return found, set(picked)
