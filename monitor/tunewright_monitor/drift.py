"""Decides whether traffic still looks like the reference. Pure: numbers in, a verdict out.

Neither half of the test is enough alone. The population stability index says how large a change is, but at small numbers it is
large by chance; the Kolmogorov-Smirnov test says that a change is real, but at large numbers it finds changes that nobody minds.
So an alarm needs both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tunewright_api.adapter_monitor import Drift, DriftResult
from tunewright_api.sketch import Distribution, ReferenceSketch, Signal

Values = npt.NDArray[np.float64]

DEVIATIONS_ABOVE_CHANCE = 3.0
"""With ten bins, mean plus three deviations is the 99th percentile of what chance alone gives."""
SMOOTHING = 0.5
"""Added to every bin's count, or an empty bin would make the index infinite."""


@dataclass(frozen=True)
class Verdict:
    """What one comparison says."""

    results: tuple[DriftResult, ...]
    detected: bool | None
    """None while it cannot be told."""
    message: str


def inner_edges(reference: Distribution) -> Values:
    """The reference's edges, and one more where its smallest value is an edge: else values below all that was ever seen would share a bin with it."""
    edges = np.asarray(reference.edges, dtype=float)
    if len(edges) and reference.sample and reference.sample[0] >= edges[0]:
        return np.concatenate(([np.nextafter(edges[0], -np.inf)], edges))
    return edges


def population_stability_index(reference: Distribution, values: Values) -> float:
    """Sum over bins of (share now - share then) * log(share now / share then)."""
    edges = inner_edges(reference)
    # side="left" as in the sketch: a value that equals an edge belongs to the bin below it.
    now = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    added = len(edges) - len(reference.edges)
    then = np.concatenate((np.zeros(added), np.asarray(reference.counts, dtype=float)))
    share_now, share_then = _shares(now.astype(float)), _shares(then)
    return float(np.sum((share_now - share_then) * np.log(share_now / share_then)))


def _shares(counts: Values) -> Values:
    smoothed = counts + SMOOTHING
    return np.asarray(smoothed / smoothed.sum(), dtype=float)


def chance_threshold(reference_count: int, count: int, bins: int) -> float:
    """The index that no change at all hardly ever exceeds: index * N * M / (N + M) is chi-squared with bins - 1 degrees of freedom."""
    degrees = bins - 1
    scale = 1 / reference_count + 1 / count
    return float(scale * (degrees + DEVIATIONS_ABOVE_CHANCE * np.sqrt(2 * degrees)))


def smirnov_tail(count: int, gap: float) -> float:
    """Chance that `count` values lie above their true distribution by `gap` or more somewhere: Smirnov's exact sum.

    scipy.special has it too, and would cost the image 40 MB for these lines. All terms are positive: nothing cancels."""
    if gap <= 0:
        return 1.0
    index = np.arange(min(count - 1, max(0, int(count * (1 - gap)))) + 1)
    steps = np.log((count - index[1:] + 1) / index[1:])
    binomials = np.concatenate((np.zeros(1), np.cumsum(steps)))
    with np.errstate(divide="ignore"):
        above = np.log(np.maximum(1 - gap - index / count, 0))
    terms = binomials + (index - 1) * np.log(gap + index / count) + (count - index) * above
    return float(min(1.0, gap * np.exp(terms).sum()))


def kolmogorov_smirnov(reference: Values, values: Values) -> float:
    """p-value of the two-sample test, two-sided.

    Twice the one-sided tail: at the small p where decisions are made it equals the two-sided value, elsewhere it is larger, never smaller."""
    first, second = np.sort(reference), np.sort(values)
    everywhere = np.concatenate((first, second))
    gap = np.max(
        np.abs(
            np.searchsorted(first, everywhere, side="right") / len(first)
            - np.searchsorted(second, everywhere, side="right") / len(second)
        )
    )
    effective = len(first) * len(second) / (len(first) + len(second))
    return min(1.0, 2 * smirnov_tail(max(1, round(effective)), float(gap)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for asking several questions at once: compare each with alpha afterwards."""
    adjusted = [1.0] * len(p_values)
    floor = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda position: p_values[position])):
        floor = max(floor, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = floor
    return adjusted


def judge(reference: ReferenceSketch, window: Mapping[Signal, Sequence[int]], limits: Drift) -> Verdict:
    """Compare every signal that both sides know."""
    samples = max((len(values) for values in window.values()), default=0)
    if samples < limits.minimum_samples:
        return Verdict((), None, f"{samples} of the {limits.minimum_samples} samples that a comparison needs")
    signals = [name for name, known in reference.signals.items() if known.count and known.sample and window.get(name)]
    if not signals:
        return Verdict(
            (), None, "the reference describes none of the signals of the traffic: evaluate the adapter again"
        )
    columns = {name: np.asarray(window[name], dtype=float) for name in signals}
    p_values = holm([kolmogorov_smirnov(np.asarray(reference.signals[name].sample), columns[name]) for name in signals])
    results = tuple(
        _result(name, reference.signals[name], columns[name], p_value, limits)
        for name, p_value in zip(signals, p_values, strict=True)
    )
    return Verdict(results, any(result.drifted for result in results), _sentence(results, reference, columns))


def _result(name: Signal, reference: Distribution, values: Values, p_value: float, limits: Drift) -> DriftResult:
    psi = population_stability_index(reference, values)
    bins = len(inner_edges(reference)) + 1
    threshold = max(limits.psi_threshold, chance_threshold(reference.count, len(values), bins))
    return DriftResult(
        signal=name,
        psi=round(psi, 4),
        threshold=round(threshold, 4),
        p_value=p_value,
        samples=len(values),
        drifted=psi > threshold and p_value < limits.alpha,
    )


def _sentence(results: Sequence[DriftResult], reference: ReferenceSketch, columns: Mapping[Signal, Values]) -> str:
    drifted = [result for result in results if result.drifted]
    if drifted:
        return "; ".join(
            f"{result.signal}: median {np.median(columns[result.signal]):.0f} instead of"
            f" {np.median(reference.signals[result.signal].sample):.0f},"
            f" PSI {result.psi:.2f} over {result.threshold:.2f} in {result.samples} samples"
            for result in drifted
        )
    nearest = max(results, key=lambda result: result.psi / result.threshold)
    return (
        f"{nearest.samples} samples are like the reference;"
        f" nearest to an alarm is {nearest.signal}, PSI {nearest.psi:.2f} of {nearest.threshold:.2f}"
    )
