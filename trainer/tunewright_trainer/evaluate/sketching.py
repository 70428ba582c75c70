"""Makes the reference sketch: distributions of lengths, and no word of the data. Pure."""

from collections.abc import Sequence

import numpy as np

from tunewright_api.sketch import Distribution, ReferenceSketch, Signal

LARGEST_SAMPLE = 5000


def distribution(values: Sequence[float]) -> Distribution:
    """Decile edges, counts between them, and an evenly spaced sample."""
    ascending = np.sort(np.asarray(values, dtype=float))
    edges = np.unique(np.quantile(ascending, np.arange(1, 10) / 10))
    # side="left" puts a value that equals an edge into the bin below it: bins are (-inf, e1], (e1, e2], ...
    bins = np.searchsorted(edges, ascending, side="left")
    counts = np.bincount(bins, minlength=len(edges) + 1)
    picks = np.linspace(0, len(ascending) - 1, min(len(ascending), LARGEST_SAMPLE)).round().astype(int)
    return Distribution(
        count=len(ascending),
        edges=[float(edge) for edge in edges],
        counts=[int(count) for count in counts],
        sample=[float(value) for value in ascending[picks]],
    )


def sketch(prompts: Sequence[str], responses: Sequence[str]) -> ReferenceSketch:
    """The sketch of ordinary prompts and of the tuned model's own answers to held-out ones."""
    signals = {Signal.PROMPT_CHARACTERS: prompts, Signal.RESPONSE_CHARACTERS: responses}
    return ReferenceSketch(
        signals={name: distribution([len(text.strip()) for text in texts]) for name, texts in signals.items() if texts}
    )
