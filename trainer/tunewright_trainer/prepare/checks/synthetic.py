"""Rows that a model has written, by the marker column: their share of each stage, and a sample of them for a person to score.

Found: the synthetic rows of a stage in which they are more than `data.synthetic.maxShare`. The sample takes the `sampleShare` of all
synthetic rows whose hash (of split seed, object and line) is smallest: the same rows on every machine, whatever the number of
workers. It does not guess: a row that is not marked is taken to be written by people."""

import heapq
from array import array
from collections import Counter
from collections.abc import Sequence
from math import ceil
from pathlib import Path

from tunewright_api.data import CheckName
from tunewright_api.data_report import MOST_EXAMPLES
from tunewright_api.spec import FineTuneJobSpec
from tunewright_trainer.prepare.checks.base import CheckContext, Conclusion, Place
from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.readable import percent
from tunewright_trainer.prepare.records import Record, hash64
from tunewright_trainer.shell.folders import canonical_json

SAMPLE_FILE = "synthetic-sample.jsonl"
MAX_SHARE = 0.5
SAMPLE_SHARE = 0.05


class SyntheticCheck:
    """Keeps the numbers of the marked rows."""

    name = CheckName.SYNTHETIC

    def __init__(self, spec: FineTuneJobSpec) -> None:
        chosen = spec.data.synthetic
        self._max_share = MAX_SHARE if chosen.max_share is None else chosen.max_share
        self._sample_share = SAMPLE_SHARE if chosen.sample_share is None else chosen.sample_share
        self._seed = spec.split.seed
        self._marked = any(stage.dataset.columns and stage.dataset.columns.synthetic for stage in spec.stages)
        self._numbers = array("Q")

    def scan(self, records: Sequence[Record]) -> list[int]:
        """The marked rows of a batch."""
        return [index for index, record in enumerate(records) if record.synthetic]

    def absorb(self, scan: list[int], first: int) -> None:
        """Append."""
        self._numbers.extend(first + index for index in scan)

    def conclude(self, corpus: Corpus, scratch: Path) -> Conclusion:
        """Shares by stage; writes the sample."""
        if not self._numbers and not self._marked:
            return Conclusion(
                0, "no column marks rows that a model has written: name it in dataset.columns.synthetic", skipped=True
            )
        sample = self._sample(corpus)
        file = scratch / SAMPLE_FILE
        _write(sample, corpus, file)
        rows, marked = Counter(corpus.stage), Counter(corpus.stage[number] for number in self._numbers)
        shares = {stage: marked[stage] / rows[stage] for stage in sorted(rows)}
        over = {stage for stage, share in shares.items() if share > self._max_share}
        found = [number for number in self._numbers if corpus.stage[number] in over]
        listed = ", ".join(f"{corpus.stages[stage]} {percent(share)}" for stage, share in shares.items())
        allowed = f"; data.synthetic.maxShare allows {percent(self._max_share)}" if over else ""
        return Conclusion(
            rows=len(found),
            message=f"rows that a model has written: {listed or 'none'}{allowed}; {len(sample):,} of them are put aside in {SAMPLE_FILE} to be scored",
            advice="Add rows written by people or remove some of the others: models that learn from models lose variety. Score the sample first."
            if over
            else "",
            places=tuple(Place(number, note="written by a model") for number in found[:MOST_EXAMPLES]),
            measures={f"share.{corpus.stages[stage]}": share for stage, share in shares.items()},
            files=(file,),
        )

    def _sample(self, corpus: Corpus) -> list[int]:
        size = ceil(self._sample_share * len(self._numbers))
        chosen = heapq.nsmallest(
            size, ((hash64(f"{self._seed}\n{corpus.place(number)}"), number) for number in self._numbers)
        )
        return sorted(number for _, number in chosen)


def _write(sample: Sequence[int], corpus: Corpus, path: Path) -> None:
    """Each row of the sample with an empty score."""
    with path.open("wb") as file:
        for number in sample:
            example = corpus.record(number).examples[-1].to_json(corpus.place(number))
            file.write(canonical_json({**example, "score": None, "remark": ""}))


def make(context: CheckContext) -> SyntheticCheck:
    """The check."""
    return SyntheticCheck(context.spec)
