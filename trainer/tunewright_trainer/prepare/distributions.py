"""Histograms of the rows' lengths, for the report."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tunewright_api.data_report import Histogram

BINS = 30
SHARES = {"min": 0.0, "p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


def histogram(name: str, unit: str, values: npt.NDArray[np.integer]) -> Histogram | None:
    """Of values >= 0; None without any. The last bin takes the longest percent of the rows, which would else flatten all the others."""
    if not values.size:
        return None
    ascending = np.sort(values)
    quantiles = {label: float(ascending[round(share * (values.size - 1))]) for label, share in SHARES.items()}
    edges = _edges(int(quantiles["min"]), int(quantiles["p99"]), int(quantiles["max"]))
    counts, _ = np.histogram(ascending, bins=np.asarray(edges))
    return Histogram(name=name, unit=unit, edges=edges, counts=counts.tolist(), quantiles=quantiles)


def _edges(low: int, high: int, top: int) -> list[float]:
    step = max(1, -(-(high - low + 1) // BINS))
    inner: Sequence[int] = range(low, high + 1, step)
    return [*map(float, inner), float(max(top, inner[-1]) + 1)]
