"""Drift by simulation, false alarms and power, and against scipy: what a handful of numbers cannot show."""

import numpy as np
import pytest
from scipy import special, stats

from drift_samples import lengths, limits
from tunewright_api.sketch import ReferenceSketch, Signal
from tunewright_monitor.drift import judge, kolmogorov_smirnov, smirnov_tail
from tunewright_trainer.evaluate.sketching import distribution

PROMPTS, RESPONSES = Signal.PROMPT_CHARACTERS, Signal.RESPONSE_CHARACTERS


def alarm_share(reference_count: int, count: int, factor: float, rounds: int) -> float:
    """How often both signals together raise an alarm when the response lengths are multiplied by `factor`."""
    generator = np.random.default_rng(20260101)
    alarms = 0
    for _ in range(rounds):
        known = {name: distribution(list(lengths(generator, reference_count))) for name in Signal}
        window = {
            PROMPTS: [int(value) for value in lengths(generator, count)],
            RESPONSES: [int(value) for value in lengths(generator, count, factor)],
        }
        alarms += judge(ReferenceSketch(signals=known), window, limits()).detected is True
    return alarms / rounds


@pytest.mark.parametrize(
    ("reference_count", "count"),
    [
        pytest.param(50, 100, id="tiny reference, tiny window"),
        pytest.param(90, 128, id="the demo's sizes"),
        pytest.param(200, 500, id="small reference"),
        pytest.param(500, 500, id="equal sizes"),
        pytest.param(5000, 500, id="full reference"),
        pytest.param(5000, 1000, id="default window"),
    ],
)
def test_unchanged_traffic_raises_an_alarm_in_at_most_two_of_a_hundred_comparisons(
    reference_count: int, count: int
) -> None:
    assert alarm_share(reference_count, count, factor=1.0, rounds=100) <= 0.02


@pytest.mark.parametrize(
    ("reference_count", "count", "factor", "least", "most"),
    [
        pytest.param(200, 500, 1.5, 0.95, 1.0, id="half as long again, small reference"),
        pytest.param(500, 500, 1.5, 0.95, 1.0, id="half as long again, equal sizes"),
        pytest.param(5000, 500, 1.5, 0.95, 1.0, id="half as long again, full reference"),
        pytest.param(5000, 1000, 1.5, 0.95, 1.0, id="half as long again, default window"),
        pytest.param(5000, 1000, 0.6, 0.95, 1.0, id="much shorter"),
        pytest.param(90, 128, 3.0, 0.95, 1.0, id="three times as long at the demo's sizes"),
        pytest.param(5000, 1000, 1.1, 0.0, 0.02, id="a real change that nobody minds stays quiet"),
    ],
)
def test_changed_traffic(reference_count: int, count: int, factor: float, least: float, most: float) -> None:
    assert least <= alarm_share(reference_count, count, factor, rounds=40) <= most


@pytest.mark.parametrize("count", [1, 2, 7, 100, 501, 20_000])
@pytest.mark.parametrize("gap", [0.0, 1e-20, 1e-9, 0.001, 0.02, 1 / 3, 0.5, 0.75, 0.999, 1.0])
def test_smirnovs_tail_is_scipys(count: int, gap: float) -> None:
    assert smirnov_tail(count, gap) == pytest.approx(special.smirnov(count, gap), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("count", [60, 500, 3000])
@pytest.mark.parametrize("factor", [1.0, 1.05, 1.2, 2.0])
def test_the_p_value_is_scipys_or_a_little_larger(count: int, factor: float) -> None:
    generator = np.random.default_rng(count)
    first, second = lengths(generator, 400), lengths(generator, count, factor)
    expected = stats.ks_2samp(first, second, method="asymp").pvalue
    found = kolmogorov_smirnov(first, second)
    # Exact agreement where decisions are made; the number of samples is rounded, hence the last factor.
    assert found >= expected * 0.98
    if expected < 0.05:
        assert found == pytest.approx(expected, rel=0.1)
