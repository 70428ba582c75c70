"""Which rows are compared with which: numbers for stage and part, taken from the columns of the corpus."""

import numpy as np
from numpy.typing import NDArray

from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.split import PARTS, Part

NOT_TAKEN = len(PARTS)
"""In place of the part of rows that the weight of their source leaves out of training: a copy of one must stay."""

LEFT_OUT = NOT_TAKEN + 1
"""In place of the part of rows that a Fix leaves out: of two twins the one that stays must stay."""


def parts_of(corpus: Corpus) -> NDArray[np.uint8]:
    """For each row the index of its part in `PARTS`, `NOT_TAKEN` or `LEFT_OUT`."""
    parts = np.where(corpus.column("copies") > 0, corpus.column("part"), NOT_TAKEN).astype(np.uint8)
    parts[is_left_out(corpus)] = LEFT_OUT
    return parts


def is_left_out(corpus: Corpus) -> NDArray[np.bool_]:
    """Whether a Fix that has concluded leaves each row out."""
    left_out: NDArray[np.bool_] = corpus.column("left_out") > 0
    return left_out


def stage_and_part(corpus: Corpus) -> NDArray[np.uint16]:
    """Equal for rows of one stage and one part."""
    return corpus.column("stage").astype(np.uint16) * np.uint16(LEFT_OUT + 1) + parts_of(corpus)


def is_trained_on(corpus: Corpus) -> NDArray[np.bool_]:
    """Whether each row is a training row."""
    trained: NDArray[np.bool_] = parts_of(corpus) == PARTS.index(Part.TRAIN)
    return trained


def is_held_out(corpus: Corpus) -> NDArray[np.bool_]:
    """Whether each row is kept from training, for validation or for the test."""
    parts = parts_of(corpus)
    held: NDArray[np.bool_] = (parts == PARTS.index(Part.VALIDATION)) | (parts == PARTS.index(Part.TEST))
    return held
