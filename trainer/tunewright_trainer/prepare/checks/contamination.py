"""Training rows that stand, exactly or nearly, among the held-out rows of any stage: a test on them would measure memory.

Definition: a training row is found when a validation or test row (of a split or of `dataset.evalUri`, in any stage)
- is the same row, or has the same prompt, but for case, white space, characters that cannot be seen (`unseen.py`) and system message; or
- is nearly the same row: cosine of the word 3-gram sets of prompt and answers at least 0.95, as in `near_duplicates`; or
- stands in it by half or more: half of the held-out row's word 8-grams, those that stand in more than ten training rows not counted.
Held-out rows covered by half or more from several training rows together are counted too (`coveredHeldOutRows`), but no single training row is
to blame for them. Held-out rows are never moved or left out. Rows of fewer than 15 words are not looked at by 8-grams.
What can be missed: see `near_duplicates`; a held-out question said in other words."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunewright_api.data import CheckName
from tunewright_api.data_report import MOST_EXAMPLES
from tunewright_trainer.prepare.checks.base import CheckContext, Conclusion, Place
from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.readable import counted, one_or_many
from tunewright_trainer.prepare.records import Record
from tunewright_trainer.prepare.similarity.batch import batch_of
from tunewright_trainer.prepare.similarity.buckets import BandColumns, signed_again
from tunewright_trainer.prepare.similarity.classes import is_held_out, is_trained_on
from tunewright_trainer.prepare.similarity.coverage import Coverage, measure_coverage
from tunewright_trainer.prepare.similarity.sets import Reader
from tunewright_trainer.prepare.similarity.signatures import Keys
from tunewright_trainer.prepare.similarity.spill import Spill
from tunewright_trainer.prepare.similarity.template import find_template
from tunewright_trainer.prepare.similarity.texts import whole_text
from tunewright_trainer.prepare.similarity.twins import Twins
from tunewright_trainer.prepare.similarity.words import Hashes

SAME_ROW = "same row"
SAME_PROMPT = "same prompt"
NEARLY_THE_SAME = "nearly the same row"
HOLDS_HALF = "holds half of a held-out row"
_NOTES = {
    SAME_ROW: "is the same as",
    SAME_PROMPT: "has the prompt of",
    NEARLY_THE_SAME: "is nearly the same as",
    HOLDS_HALF: "holds half or more of",
}

Scan = tuple[Keys, Hashes, NDArray[np.uint32]]


class Contamination:
    """Band keys, digest and number of words of each row; what is held out is known in the end."""

    name = CheckName.CONTAMINATION

    def __init__(self, folder: Path | None) -> None:
        self._bands = BandColumns(folder)
        self._digests = Spill(folder, np.uint64)
        self._words = Spill(folder, np.uint32)

    def scan(self, records: Sequence[Record]) -> Scan:
        """Band keys, digest and number of words of each row."""
        batch = batch_of(records)
        return batch.keys, batch.row_digests, batch.whole.lengths.astype(np.uint32)

    def absorb(self, scan: Scan, first: int) -> None:
        """Put them aside."""
        keys, digests, words = scan
        self._bands.append(keys)
        self._digests.append(digests)
        self._words.append(words)

    def conclude(self, corpus: Corpus, scratch: Path) -> Conclusion:
        """Compare training rows with held-out ones, in the order of how sure the answer is."""
        held, trained = is_held_out(corpus), is_trained_on(corpus)
        if not held.any() or not trained.any():
            return Conclusion(0, "There are no held-out rows beside training rows", skipped=True)
        has_prompt = corpus.column("prompt_characters") > 0
        found = {row: (SAME_ROW, other) for row, other in _same(self._digests.read(), held, trained).items()}
        for row, other in _same(corpus.column("key"), held & has_prompt, trained & has_prompt).items():
            found.setdefault(row, (SAME_PROMPT, other))
        twins = self._twins(corpus, scratch, held, trained)
        for row in np.flatnonzero(twins.of != twins.none).tolist():
            found.setdefault(row, (NEARLY_THE_SAME, int(twins.of[row])))
        coverage = measure_coverage(corpus, held, trained, int(self._words.read()[held].sum()))
        for row, other in coverage.carriers.items():
            found.setdefault(row, (HOLDS_HALF, other))
        for column in (self._bands, self._digests, self._words):
            column.discard()
        return _conclusion(corpus, found, coverage, twins.is_spent)

    def _twins(self, corpus: Corpus, scratch: Path, held: NDArray[np.bool_], trained: NDArray[np.bool_]) -> Twins:
        template = find_template(corpus, whole_text)
        twins = Twins(len(corpus), Reader(corpus, whole_text, template.shingles))
        digests = self._digests.read()
        bands = signed_again(corpus, scratch, whole_text, template) if template.shingles else self._bands
        together = np.zeros(len(corpus), np.uint16)
        twins.across(bands.buckets(together, digests), digests, held, trained)
        bands.discard()
        return twins


def _same(values: NDArray[np.uint64], held: NDArray[np.bool_], trained: NDArray[np.bool_]) -> dict[int, int]:
    """Training rows with the value of a held-out row, and the first such row."""
    held_rows, rows = np.flatnonzero(held), np.flatnonzero(trained)
    if not len(held_rows) or not len(rows):
        return {}
    held_values, firsts = np.unique(values[held_rows], return_index=True)
    places = np.minimum(np.searchsorted(held_values, values[rows]), len(held_values) - 1)
    same = held_values[places] == values[rows]
    return dict(zip(rows[same].tolist(), held_rows[firsts[places[same]]].tolist(), strict=True))


def _conclusion(corpus: Corpus, found: dict[int, tuple[str, int]], coverage: Coverage, is_spent: bool) -> Conclusion:
    rows = sorted(found)
    covered = len(coverage.covered)
    return Conclusion(
        rows=len(rows),
        message=_message(len(rows), covered, is_spent),
        advice="Leave them out of training (data.checks.contamination: Fix)." if rows else "",
        kinds=dict(Counter(kind for kind, _ in found.values())),
        places=tuple(
            Place(row, note=f"{_NOTES[found[row][0]]} {corpus.place(found[row][1])}") for row in rows[:MOST_EXAMPLES]
        ),
        measures={
            "coveredHeldOutRows": float(covered),
            "coveredShare": round(covered / coverage.looked_at, 6) if coverage.looked_at else 0.0,
        },
        leave_out=rows,
    )


def _message(rows: int, covered: int, is_spent: bool) -> str:
    more = "; there may be more: too many rows look alike to compare them all" if is_spent else ""
    also = (
        f"; half or more of {counted(covered, 'held-out row')} {one_or_many(covered, 'stands', 'stand')} in training rows"
        if covered
        else ""
    )
    if not rows:
        return f"No training row stands among the held-out rows{also}{more}"
    verb = one_or_many(rows, "stands", "stand")
    return f"{counted(rows, 'training row')} {verb} among the held-out rows too{also}{more}"


def make(context: CheckContext) -> Contamination:
    """The check."""
    return Contamination(context.spill)
