"""Drift: multiple questions, too little data, lengths that do not vary, and what is said."""

from collections.abc import Callable

import numpy as np
import pytest

from drift_samples import lengths, limits
from tunewright_api.sketch import Distribution, ReferenceSketch, Signal
from tunewright_monitor.drift import (
    Verdict,
    chance_threshold,
    holm,
    inner_edges,
    judge,
    population_stability_index,
)
from tunewright_trainer.evaluate.sketching import distribution, sketch

PROMPTS, RESPONSES = Signal.PROMPT_CHARACTERS, Signal.RESPONSE_CHARACTERS


def reference_of(**values: list[int]) -> ReferenceSketch:
    return ReferenceSketch(signals={Signal(name): distribution(found) for name, found in values.items()})


def test_a_shift_that_is_significant_but_small_is_reported_and_no_alarm() -> None:
    generator = np.random.default_rng(5)
    reference = reference_of(response_characters=list(lengths(generator, 5000)))
    verdict = judge(reference, {RESPONSES: [int(v) for v in lengths(generator, 20_000, 1.1)]}, limits())
    (result,) = verdict.results
    assert verdict.detected is False
    assert result.p_value < 1e-6
    assert result.psi < result.threshold == 0.2


@pytest.mark.parametrize(
    ("reference_count", "count", "expected"),
    [
        pytest.param(5000, 500, 0.048, id="close to the measured 99th percentile .047"),
        pytest.param(5000, 200, 0.113, id="close to the measured 99th percentile .110"),
        pytest.param(100, 100, 0.435, id="small numbers need a large index"),
    ],
)
def test_chance_threshold(reference_count: int, count: int, expected: float) -> None:
    assert chance_threshold(reference_count, count, bins=10) == pytest.approx(expected, abs=0.002)


@pytest.mark.parametrize(
    ("given", "adjusted"),
    [
        pytest.param([], [], id="no question"),
        pytest.param([0.03], [0.03], id="one question is not adjusted"),
        pytest.param([0.01, 0.04], [0.02, 0.04], id="the smaller counts twice"),
        pytest.param([0.04, 0.01], [0.04, 0.02], id="the order of the answers is kept"),
        pytest.param([0.03, 0.03], [0.06, 0.06], id="equal ones"),
        pytest.param([0.01, 0.011, 0.5], [0.03, 0.03, 0.5], id="never smaller than the one before"),
        pytest.param([0.9, 0.8], [1.0, 1.0], id="never above one"),
    ],
)
def test_holm(given: list[float], adjusted: list[float]) -> None:
    assert holm(given) == pytest.approx(adjusted)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        pytest.param(0, "0 of the 500 samples that a comparison needs", id="no traffic"),
        pytest.param(499, "499 of the 500 samples that a comparison needs", id="one too few"),
    ],
)
def test_too_little_data_is_no_verdict(samples: int, message: str) -> None:
    reference = reference_of(prompt_characters=[10] * 100)
    assert judge(reference, {PROMPTS: [99] * samples}, limits(minimum=500)) == Verdict((), None, message)


def test_a_reference_without_any_signal_is_no_verdict() -> None:
    verdict = judge(ReferenceSketch(signals={}), {PROMPTS: [1] * 100}, limits())
    assert (verdict.detected, verdict.results) == (None, ())


def test_a_reference_with_one_signal_is_compared_in_that_one() -> None:
    reference = reference_of(prompt_characters=[5, 6, 7] * 50)
    verdict = judge(reference, {PROMPTS: [5, 6, 7] * 50, RESPONSES: [9] * 150}, limits())
    assert [result.signal for result in verdict.results] == [PROMPTS]
    assert verdict.detected is False


@pytest.mark.parametrize(
    ("known", "seen", "drifted"),
    [
        pytest.param([42] * 300, [42] * 300, False, id="one length, the same"),
        pytest.param([42] * 300, [43] * 300, True, id="one length, longer"),
        pytest.param([42] * 300, [41] * 300, True, id="one length, shorter"),
        pytest.param([42] * 300, [41] * 3 + [42] * 297, False, id="one length, a few others"),
        pytest.param([10] * 150 + [20] * 150, [10] * 160 + [20] * 140, False, id="two lengths, much the same"),
        pytest.param([10] * 150 + [20] * 150, [10] * 290 + [20] * 10, True, id="two lengths, one gone"),
        pytest.param([10] * 150 + [20] * 150, [15] * 300, True, id="two lengths, all between them"),
        pytest.param([0] * 300, [0] * 300, False, id="empty answers as ever"),
        pytest.param([50] * 300, [0] * 300, True, id="answers became empty"),
        pytest.param(list(range(100)) * 3, [7] * 300, True, id="all alike where they were mixed"),
        pytest.param([7] * 300, list(range(100)) * 3, True, id="mixed where all were alike"),
        pytest.param(
            [64] * 120 + list(range(1, 61)) * 3, [64] * 240 + list(range(1, 61)), True, id="more are cut short"
        ),
    ],
)
def test_lengths_with_ties(known: list[int], seen: list[int], drifted: bool) -> None:
    verdict = judge(reference_of(response_characters=known), {RESPONSES: seen}, limits())
    assert verdict.detected is drifted
    assert all(np.isfinite([result.psi, result.threshold, result.p_value]).all() for result in verdict.results)


@pytest.mark.parametrize(
    ("known", "edges"),
    [
        pytest.param([3] * 9, 2, id="one value: below, at, above"),
        pytest.param(list(range(100)), 9, id="deciles"),
        pytest.param([1] * 55 + list(range(2, 47)), 6, id="smallest value is an edge: what is below has a bin"),
    ],
)
def test_inner_edges(known: list[int], edges: int) -> None:
    found = inner_edges(distribution(known))
    assert len(found) == edges
    assert all(np.diff(found) > 0)


def test_the_index_is_the_textbook_one_in_large_bins() -> None:
    known = Distribution(count=4000, edges=[10.0], counts=[2000, 2000], sample=[5.0, 15.0])
    seen = np.array([5.0] * 3000 + [15.0] * 1000)
    textbook = (0.75 - 0.5) * np.log(0.75 / 0.5) + (0.25 - 0.5) * np.log(0.25 / 0.5)
    assert population_stability_index(known, seen) == pytest.approx(textbook, rel=0.01)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            lambda values: [3 * value for value in values],
            "response_characters: median 150 instead of 50, PSI",
            id="the alarm says what moved, from where to where",
        ),
        pytest.param(lambda values: values, "400 samples are like the reference", id="quiet says how near it was"),
    ],
)
def test_messages(change: Callable[[list[int]], list[int]], message: str) -> None:
    known = [40, 50, 60, 45, 55] * 80
    verdict = judge(reference_of(response_characters=known), {RESPONSES: change(known)}, limits())
    assert verdict.message.startswith(message)


def test_the_published_sketch_holds_lengths_and_no_word() -> None:
    found = sketch(["What is the secret?", "  padded  "], ["It is swordfish.", "Yes"])
    assert "swordfish" not in found.model_dump_json()
    assert found.signals[PROMPTS].sample == [6.0, 19.0]
