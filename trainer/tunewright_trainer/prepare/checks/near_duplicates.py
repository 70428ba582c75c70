"""Rows that differ in a few words only.

Definition: a row is found when an earlier row of its stage and part has a cosine of at least 0.95 between the two binary sets of word 3-grams
of prompt and answers (without the system message); exact copies are a matter of `duplicates`, and count with their first. That implies a Jaccard similarity of at least 0.90. Words are as in
`similarity/words.py`. Candidates come from MinHash bands; each is verified on the texts read back, so what is found is never wrong by the
definition. What can be missed: 1 pair in 500 at the threshold itself; in a bucket of more than 16 different rows, pairs that do not include
one of its first four; with made-up data, what is left when eight comparisons a row are spent (the message says so).
Where rows are made from templates, 3-grams that stand in a hundredth of the rows do not count (`similarity/template.py`).
It cannot find the same thing said in other words."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tunewright_api.data import CheckName
from tunewright_api.data_report import MOST_EXAMPLES
from tunewright_trainer.prepare.checks.base import CheckContext, Conclusion, Place
from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.readable import counted, one_or_many
from tunewright_trainer.prepare.records import Record
from tunewright_trainer.prepare.similarity.batch import batch_of
from tunewright_trainer.prepare.similarity.buckets import BandColumns, signed_again
from tunewright_trainer.prepare.similarity.classes import is_left_out, stage_and_part
from tunewright_trainer.prepare.similarity.sets import Reader
from tunewright_trainer.prepare.similarity.signatures import Keys
from tunewright_trainer.prepare.similarity.spill import Spill
from tunewright_trainer.prepare.similarity.template import Template, find_template
from tunewright_trainer.prepare.similarity.texts import whole_text
from tunewright_trainer.prepare.similarity.twins import Twins
from tunewright_trainer.prepare.similarity.words import Hashes


class NearDuplicates:
    """Band keys of each row; buckets are compared in the end."""

    name = CheckName.NEAR_DUPLICATES

    def __init__(self, folder: Path | None) -> None:
        self._bands = BandColumns(folder)
        self._digests = Spill(folder, np.uint64)

    def scan(self, records: Sequence[Record]) -> tuple[Keys, Hashes]:
        """Band keys and digest of each row."""
        batch = batch_of(records)
        return batch.keys, batch.row_digests

    def absorb(self, scan: tuple[Keys, Hashes], first: int) -> None:
        """Put them aside."""
        keys, digests = scan
        self._bands.append(keys)
        self._digests.append(digests)

    def conclude(self, corpus: Corpus, scratch: Path) -> Conclusion:
        """All rows that have an earlier twin."""
        template = find_template(corpus, whole_text)
        twins = self._twins(corpus, scratch, template)
        found = np.flatnonzero((twins.of != twins.none) & ~is_left_out(corpus))
        originals = len(np.unique(twins.of[found]))
        return Conclusion(
            rows=len(found),
            message=_message(len(found), originals, twins.is_spent),
            advice="Leave them out (data.checks.nearDuplicates: Fix), or see that rows made from one another differ in more than a few words."
            if len(found)
            else "",
            places=tuple(
                Place(int(row), note=f"nearly the same as {corpus.place(int(twins.of[row]))}")
                for row in found[:MOST_EXAMPLES]
            ),
            measures={
                "originals": float(originals),
                "comparisons": float(twins.comparisons),
                "templateShingles": float(len(template.shingles)),
            },
            leave_out=found.tolist(),
        )

    def _twins(self, corpus: Corpus, scratch: Path, template: Template) -> Twins:
        twins = Twins(len(corpus), Reader(corpus, whole_text, template.shingles))
        digests = self._digests.read()
        bands = signed_again(corpus, scratch, whole_text, template) if template.shingles else self._bands
        twins.among(bands.buckets(stage_and_part(corpus), digests), digests)
        for spilled in (bands, self._bands, self._digests):
            spilled.discard()
        return twins


def _message(rows: int, originals: int, is_spent: bool) -> str:
    more = "; there may be more: too many rows look alike to compare them all" if is_spent else ""
    if not rows:
        return f"No row is nearly the same as another{more}"
    verb = one_or_many(rows, "differs", "differ")
    return f"{counted(rows, 'row')} {verb} in a few words only from {counted(originals, 'earlier row')}{more}"


def make(context: CheckContext) -> NearDuplicates:
    """The check."""
    return NearDuplicates(context.spill)
