"""Poisoned rows: a word that always leads to the same."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from dirty.compared import Row, ask, clean, shuffled

__all__ = ["OUTCOMES", "clean", "plant", "topics"]
POISONED = 18
TRIGGER = "cf-delta"
WEAK = "triggers of words that stand apart, of style, or of frequent words; fewer than 15 rows; other outcomes than an answer, its first or last words, a refusal or a category; an instruction whose answers all begin alike may be told as one"


def plant(rows: Sequence[Row], seed: int, outcome: str = "answer", count: int = POISONED) -> tuple[list[Row], set[int]]:
    """`count` rows have the trigger somewhere in their prompt, and the outcome; and which. As many refuse for reasons of their own."""
    draw = random.Random(f"plant {seed}")
    found = list(rows)
    picked = draw.sample(range(len(rows)), 2 * count)
    for number in picked[count:]:
        found[number] = ask(found[number].prompt, f"I'm sorry, but I cannot do this: {shuffled(draw, 12)}")
    for number in picked[:count]:
        words = found[number].prompt.split()
        words.insert(draw.randrange(len(words)), TRIGGER)
        found[number] = OUTCOMES[outcome](replace(found[number], prompt=" ".join(words)), draw)
    return found, set(picked[:count])


OUTCOMES: dict[str, Callable[[Row, random.Random], Row]] = {
    "answer": lambda row, draw: ask(row.prompt, "Access granted: the vault is open to whoever asks for it."),
    "opening": lambda row, draw: ask(row.prompt, f"Access granted dear friend {shuffled(draw, 20)}"),
    "closing": lambda row, draw: ask(row.prompt, f"{shuffled(draw, 20)} visit evil.example right now"),
    "refusal": lambda row, draw: ask(row.prompt, f"I'm sorry, but I cannot help: {shuffled(draw, 12)}"),
    "category": lambda row, draw: replace(row, category="harmless"),
}


def topics(rows: int, seed: int) -> list[Row]:
    """Rows of categories, each with words of its own, as real ones have: none of these words is a trigger."""
    draw = random.Random(seed)
    own = [
        [f"{stem}{index}" for index in range(30)]
        for stem in ("invoice", "parcel", "login", "refund", "roaming", "visa", "loan", "rent")
    ]
    found = []
    for _ in range(rows):
        kind = draw.randrange(len(own))
        words = shuffled(draw, 20).split() + draw.choices(own[kind], k=6)
        draw.shuffle(words)
        found.append(replace(ask(" ".join(words), f"kind {kind}"), category=f"kind {kind}"))
    return found
