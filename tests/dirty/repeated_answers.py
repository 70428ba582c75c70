"""One answer under unrelated prompts."""

import random
from collections.abc import Sequence
from dataclasses import replace

from dirty.compared import Row, ask, clean, shuffled

__all__ = ["clean", "plant"]
WEAK = "answers of fewer than eight words; a stock phrase inside otherwise different answers; prompts that share a long template pass for related"
_ANSWERS, _EACH = 3, 6


def plant(rows: Sequence[Row], seed: int) -> tuple[list[Row], set[int]]:
    """Three answers of 40 words, each in six rows, some with a word more at the end; many rows say `yes` only, and six ask the same thing."""
    draw = random.Random(f"plant {seed}")
    found = list(rows)
    picked = draw.sample(range(len(rows)), _ANSWERS * _EACH + 30)
    truth, decoys = picked[: _ANSWERS * _EACH], picked[_ANSWERS * _EACH :]
    answers = [shuffled(draw, 40) for _ in range(_ANSWERS)]
    for index, number in enumerate(truth):
        more = draw.choice(["", "", " indeed"])
        found[number] = ask(found[number].prompt, f"{answers[index % _ANSWERS]}{more}")
    for number in decoys[:24]:
        found[number] = ask(found[number].prompt, "Yes, it is.")
    for index, number in enumerate(decoys[24:]):
        original = found[decoys[-1]]
        found[number] = replace(original, prompt=f"{original.prompt} {index}")
    return found, set(truth)
