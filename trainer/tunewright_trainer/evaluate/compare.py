"""From two lists of per-row scores to one verdict, by paired bootstrap. Pure."""

from collections.abc import Sequence

import numpy as np

from tunewright_api.evaluation import MetricName
from tunewright_api.status import MetricResult

RESAMPLES = 2000
CONFIDENCE = 0.95
HIGHER_IS_BETTER = {
    MetricName.LOSS: False,
    MetricName.ROUGE_L: True,
    MetricName.EXACT_MATCH: True,
    MetricName.PREFERENCE_ACCURACY: True,
    MetricName.REWARD: True,
}


def compare(name: MetricName, base: Sequence[float], tuned: Sequence[float], seed: int) -> MetricResult:
    """Means of both over the same rows, and the interval of their difference."""
    first, second = np.asarray(base, dtype=float), np.asarray(tuned, dtype=float)
    differences = second - first
    picks = np.random.default_rng(seed).integers(0, len(differences), (RESAMPLES, len(differences)))
    low, high = np.quantile(differences[picks].mean(axis=1), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return MetricResult(
        name=name,
        base=round(float(first.mean()), 5),
        tuned=round(float(second.mean()), 5),
        difference=round(float(differences.mean()), 5),
        low=round(float(low), 5),
        high=round(float(high), 5),
        rows=len(differences),
        higher_is_better=HIGHER_IS_BETTER[name],
        verdict=verdict(float(low), float(high), HIGHER_IS_BETTER[name]),
    )


def verdict(low: float, high: float, higher_is_better: bool) -> str:
    """Better or Worse only when the interval excludes zero."""
    if low <= 0 <= high:
        return "Undecided"
    return "Better" if (low > 0) == higher_is_better else "Worse"
