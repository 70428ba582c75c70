"""Counts and lengths of one stage's rows, from the columns of the corpus. Pure."""

import numpy as np
import numpy.typing as npt

from tunewright_api.data_report import StageReport
from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.distributions import histogram
from tunewright_trainer.prepare.intake import StageIntake
from tunewright_trainer.prepare.readable import counted
from tunewright_trainer.prepare.split import PARTS, Part

FEWEST_TRAINING_ROWS = 4
MOST_CATEGORIES = 64
Mask = npt.NDArray[np.bool_]


def stage_report(corpus: Corpus, intake: StageIntake, left_out: npt.NDArray[np.int64]) -> StageReport:
    """What the report says of a stage; `left_out` are the numbers of records that a Fix leaves out."""
    mine: Mask = corpus.column("stage") == intake.index
    gone = np.zeros(len(corpus), dtype=bool)
    gone[left_out] = True
    kept = mine & ~gone
    parts, copies, tokens = (corpus.column(name).astype(np.int64) for name in ("part", "copies", "tokens"))
    counts = {part: int(np.count_nonzero(kept & (parts == index))) for index, part in enumerate(PARTS)}
    training = kept & (parts == PARTS.index(Part.TRAIN))
    lengths = (("Tokens", "tokens", "tokens"), ("Prompt", "characters", "prompt_characters"), ("Answer", "characters", "answer_characters"))  # fmt: skip
    columns = [(name, unit, corpus.column(column)[kept]) for name, unit, column in lengths]
    # A prompt alone has no answer to draw, and a text no prompt.
    found = [histogram(name, unit, values) for name, unit, values in columns if values.any()]
    return StageReport(
        name=intake.stage.name,
        method=intake.stage.method,
        format=intake.shape.format if intake.shape else "",
        format_reason=intake.reason,
        rows=sum(counts.values()),
        refused=intake.refused,
        left_out=int(np.count_nonzero(mine & gone)),
        train=int(copies[training].sum()),
        validation=counts[Part.VALIDATION],
        test=counts[Part.TEST],
        tokens=int((tokens * copies)[training].sum()),
        histograms=[item for item in found if item is not None],
        categories=_categories(corpus, kept),
    )


def _categories(corpus: Corpus, kept: Mask) -> dict[str, int]:
    """Rows by category, the most frequent first; rows without one are not told."""
    counts = np.bincount(corpus.column("category")[kept], minlength=len(corpus.categories))
    order = sorted(range(1, len(corpus.categories)), key=lambda index: (-counts[index], corpus.categories[index]))
    return {corpus.categories[index]: int(counts[index]) for index in order[:MOST_CATEGORIES] if counts[index]}


def too_few(intake: StageIntake, report: StageReport) -> str | None:
    """Why what is left cannot be trained on or tested; None when it can."""
    where, evaluation = intake.stage.dataset.where, intake.stage.dataset.eval_uri
    without = f" without the {counted(report.left_out, 'row')} that checks have left out" if report.left_out else ""
    gone = f" and{without}" if without else ""
    if report.train < FEWEST_TRAINING_ROWS:
        return f"stage {report.name}: {where} leaves {counted(report.train, 'row')} to train on after the split{gone}; at least {FEWEST_TRAINING_ROWS} are needed"
    if not report.test and evaluation:
        return f"stage {report.name}: the evaluation set {evaluation} has no rows to test on{without}; add rows to it, or leave dataset.evalUri out"
    if not report.test:
        return f"stage {report.name}: {where} leaves no rows to test on after the split{gone}; add rows or raise spec.split.test"
    return None
