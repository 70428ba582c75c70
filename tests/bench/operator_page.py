"""The page of the docs that says how quick the operator is: a table and a plot, made by the bench that measured it."""

import re
import sys
from pathlib import Path

from bench.arena import Arena
from bench.steps_plot import steps_plot

DOCS = Path(__file__).parents[2] / "docs"
PAGE, PLOT = DOCS / "operator-performance.md", DOCS / "operator-performance.svg"
BEGIN, END = "<!-- table: make bench-operator -->", "<!-- end of table -->"
HEAD = "| what | Tunewright | Kubeflow Trainer v2.0.0 | meant to be |\n|---|---|---|---|\n"
WHOLE = 11
"""Rows of a bench that has run to its end."""


def publish(arena: Arena) -> None:
    """Print the table; write it and the plot into the docs when all of it was measured."""
    table = HEAD + "".join(f"{row}\n" for row in arena.rows)
    sys.stdout.write(f"\n{table}")
    if len(arena.rows) < WHOLE:
        return
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(re.sub(f"(?<={BEGIN}\n).*(?={END})", lambda _: table, page, flags=re.DOTALL), encoding="utf-8")
    plot = steps_plot(arena.curves, "From creation to first child, 10 objects a second", "ms")
    PLOT.write_text(plot, encoding="utf-8")
