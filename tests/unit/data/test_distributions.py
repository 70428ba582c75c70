"""Histograms of the report: they hold every row, and a few giants do not flatten the rest."""

import numpy as np
import pytest

from tunewright_trainer.prepare.distributions import BINS, histogram


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([5], id="one row"),
        pytest.param([0, 0, 0], id="all alike"),
        pytest.param(list(range(1000)), id="evenly spread"),
        pytest.param([10] * 995 + [10**6] * 5, id="five giants"),
    ],
)
def test_every_row_is_in_one_bin(values: list[int]) -> None:
    found = histogram("Tokens", "tokens", np.asarray(values))
    assert found is not None
    assert sum(found.counts) == len(values)
    assert found.edges == sorted(set(found.edges))
    assert len(found.counts) == len(found.edges) - 1 <= BINS
    assert (found.quantiles["min"], found.quantiles["max"]) == (min(values), max(values))


def test_no_rows_have_no_histogram() -> None:
    assert histogram("Tokens", "tokens", np.asarray([], dtype=np.int64)) is None


def test_giants_do_not_flatten_the_rest() -> None:
    found = histogram("Tokens", "tokens", np.asarray([*range(100)] * 10 + [10**6] * 5))
    assert found is not None
    assert found.edges[-2] < 110
