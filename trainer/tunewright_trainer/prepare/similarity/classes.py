"""Which rows are compared with which: numbers for stage and part, taken from the columns of the corpus."""

import numpy as np
from numpy.typing import NDArray

from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.split import PARTS, Part


def parts_of(corpus: Corpus) -> NDArray[np.uint8]:
    """For each row the index of its part in `PARTS`."""
    return np.frombuffer(corpus.part, np.uint8)


def stage_and_part(corpus: Corpus) -> NDArray[np.uint16]:
    """Equal for rows of one stage and one part."""
    stages = np.frombuffer(corpus.stage, np.uint8).astype(np.uint16)
    return stages * np.uint16(len(PARTS)) + parts_of(corpus)


def is_held_out(corpus: Corpus) -> NDArray[np.bool_]:
    """Whether each row is kept from training, for validation or for the test."""
    held: NDArray[np.bool_] = parts_of(corpus) != PARTS.index(Part.TRAIN)
    return held
