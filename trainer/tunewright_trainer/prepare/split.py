"""Which part a row belongs to: a pure function of its prompt, the same in every stage, and unmoved by rows that are added."""

import hashlib
from collections.abc import Sequence
from enum import StrEnum

from tunewright_api.spec import Split
from tunewright_trainer.prepare.records import Message, hash64
from tunewright_trainer.prepare.unseen import comparable


class Part(StrEnum):
    """What a row is used for."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


PARTS = tuple(Part)


def normalised(prompt: Sequence[Message]) -> str:
    """The prompt's words: differences of case, spacing and system message do not make two prompts of one, nor characters that cannot be seen."""
    return "\n".join(
        " ".join(comparable(str(message.get("content") or "")).casefold().split())
        for message in prompt
        if message["role"] != "system"
    )


def key_of(prompt: Sequence[Message]) -> int:
    """64-bit hash of the normalised prompt: what the part of a row is a function of."""
    return hash64(normalised(prompt))


def part_of(key: int, split: Split, *, test: bool = True) -> Part:
    """Part of the rows with this key; without `test` (the test rows are given apart) that share is trained on. Sizes are binomial: with few rows they differ from the shares."""
    digest = hashlib.sha256(f"{split.seed}\n{key}".encode()).digest()
    position = int.from_bytes(digest[:8], "big") / 2**64
    if position < split.test:
        return Part.TEST if test else Part.TRAIN
    return Part.VALIDATION if position < split.test + split.validation else Part.TRAIN
