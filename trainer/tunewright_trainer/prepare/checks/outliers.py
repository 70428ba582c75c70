"""Rows far longer or shorter than the rest of their stage, in tokens of the whole row and of the answer.

A row is an outlier when the logarithm of its length lies more than 5 robust standard deviations (1.4826 x the median absolute
deviation, at least 0.2) from the median, and the length itself is more than 4 times longer or shorter. Stages of fewer than 20 rows have none. Lengths that come in two
heaps far apart hide outliers between them; it says nothing about rows that are odd in another way."""

from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunewright_api.data import CheckName
from tunewright_api.data_report import MOST_EXAMPLES
from tunewright_trainer.prepare.checks.base import CheckContext, Conclusion, Place
from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.readable import share_of
from tunewright_trainer.prepare.records import Record
from tunewright_trainer.prepare.similarity.classes import is_left_out

FEWEST_ROWS = 20
DEVIATIONS = 5.0
FACTOR = 4.0
LEAST_DEVIATION = 0.2
ROW, ANSWER = "row", "answer"


class OutlierCheck:
    """Keeps two lengths a row, 8 bytes in all."""

    name = CheckName.OUTLIERS

    def __init__(self) -> None:
        self._lengths = {ROW: array("I"), ANSWER: array("I")}

    def scan(self, records: Sequence[Record]) -> "tuple[array[int], array[int]]":
        """Lengths in tokens, or in characters without a tokenizer."""
        return array("I", map(_row_length, records)), array("I", map(_answer_length, records))

    def absorb(self, scan: "tuple[array[int], array[int]]", first: int) -> None:
        """Append."""
        self._lengths[ROW].extend(scan[0])
        self._lengths[ANSWER].extend(scan[1])

    def conclude(self, corpus: Corpus, scratch: Path) -> Conclusion:
        """The rows that stand out, the farthest first."""
        stages, stays = corpus.column("stage"), ~is_left_out(corpus)
        found: dict[int, tuple[float, str]] = {}
        for what, lengths in self._lengths.items():
            values = np.array(lengths, dtype=np.float64)
            for stage in range(len(corpus.stages)):
                for number, factor in outliers(values, np.flatnonzero((stages == stage) & stays)):
                    side = "longer" if factor > 1 else "shorter"
                    distance = max(factor, 1 / factor)
                    if distance > found.get(number, (0.0, ""))[0]:
                        found[number] = (distance, f"{what} {side}")
        worst = sorted(found, key=lambda number: (-found[number][0], number))[:MOST_EXAMPLES]
        kinds = sorted({kind for _, kind in found.values()})
        return Conclusion(
            rows=len(found),
            message=f"{share_of(len(found), len(corpus))} are far longer or shorter than the rest of their stage"
            if found
            else "no row is far longer or shorter than the rest of its stage",
            advice="Look at the examples: they are often pages pasted whole, empty phrases, or two rows run together."
            if found
            else "",
            kinds={kind: sum(1 for _, each in found.values() if each == kind) for kind in kinds},
            places=tuple(Place(number, note=_note(*found[number])) for number in worst),
        )


def outliers(lengths: NDArray[np.float64], members: NDArray[np.int64]) -> list[tuple[int, float]]:
    """(number, times the median) of those members that are outliers among them."""
    if len(members) < FEWEST_ROWS:
        return []
    logarithms = np.log(np.maximum(lengths[members], 1))
    median = float(np.median(logarithms))
    deviation = max(1.4826 * float(np.median(np.abs(logarithms - median))), LEAST_DEVIATION)
    distance = logarithms - median
    far = np.abs(distance) > max(DEVIATIONS * deviation, np.log(FACTOR))
    return [(int(number), float(np.exp(by))) for number, by in zip(members[far], distance[far], strict=True)]


def _row_length(record: Record) -> int:
    if record.rendered is not None:
        return record.rendered.longest
    return len(record.prompt_text) + len(record.answer_text)


def _answer_length(record: Record) -> int:
    return record.rendered.learned if record.rendered is not None else len(record.answer_text)


def _note(distance: float, kind: str) -> str:
    return f"{kind} than the middle one, {distance:.0f} times"


def make(context: CheckContext) -> OutlierCheck:
    """The check."""
    return OutlierCheck()
