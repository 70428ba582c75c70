"""Answers with prices, versions, dates and words such as "currently"."""

import random
from collections.abc import Sequence

from dirty.rows import Planted, Row, answered

WEAK = "facts that change and do not look like it (who holds an office), dates before 2000, languages other than English and German; real documentation is full of versions, and rightly found"
LEAST_RECALL = 0.95
FAULTS = (
    "The basic plan costs ${0}.99 a month.", "It is {0} euros per seat.", "The fee is {0},00 € a year.", "You pay 1{0} USD.", "The ticket is £{0}.",
    "The latest version is {0}.2.", "It needs release {0}.", "Install numpy 1.{0}.3 first.", "Since v{0}.1 this is the default.", "Use version {0}.0.1-rc1.",
    "The offer ends on 2026-0{1}-1{1}.", "The conference is on March {0}, 2027.", "Published in June 2025.", "From {0} May 2024 on it is free.", "It was 1{1}.0{1}.2025.",
    "The office is currently closed.", "As of now there are {0} members.", "This year the limit is higher.", "The most recent figure is {0}.", "Today's rate is better than last week.",
    "Derzeit sind es {0} Mitglieder.",
)  # fmt: skip
DECOYS = (
    "The war ended in 1945.", "It has 20 entries and 3 columns.", "Pi is 3.14159.", "The index is 2.", "A knowledge base helps.", "Nothing is known about it.", "See chapter 2.1 of the book.",
)  # fmt: skip
FILLER = "The function returns its argument unchanged."


def clean(count: int, seed: int) -> list[Row]:
    """Rows without facts that change."""
    return [{"prompt": f"Explain step {number} of the procedure.", "completion": FILLER} for number in range(count)]


def plant(rows: Sequence[Row], seed: int) -> Planted:
    """All of them, with figures of the seed's."""
    draw = random.Random(seed)
    faults = [fault.format(draw.randint(10, 28), draw.randint(1, 9)) for fault in FAULTS]
    return answered(rows, seed, faults, DECOYS)
