"""Lengths of texts, drawn for tests of drift."""

import numpy as np

from tunewright_api.adapter_monitor import Drift


def limits(minimum: int = 50, window: int = 100_000) -> Drift:
    return Drift(traffic_uri="file:///traffic", minimum_samples=minimum, window_samples=window)


def lengths(generator: np.random.Generator, count: int, factor: float = 1.0) -> np.ndarray:
    """Lengths as texts have them: skewed, whole numbers, with ties."""
    return np.maximum(1, np.round(generator.lognormal(4.0, 0.6, count) * factor))
