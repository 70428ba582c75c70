"""Measures a check against rows with known truth: what is found, what is missed, what is a false alarm, and what a row costs."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from dirty import rows as default
from tunewright_api.data import CheckName
from tunewright_api.spec import FineTuneJobSpec
from tunewright_trainer.prepare.checks import CHECKS, make_check
from tunewright_trainer.prepare.checks.base import Check, CheckContext, Conclusion, RowScan
from tunewright_trainer.prepare.corpus import Corpus, Kept, encode
from tunewright_trainer.prepare.records import Record
from tunewright_trainer.prepare.rendering import Renderer
from tunewright_trainer.prepare.split import Part

ROWS = 400
BATCH = 250
CONTEXT_LENGTH = 2048


@dataclass(frozen=True)
class Measure:
    """What came of one check."""

    planted: int
    found: int
    """Of the planted."""
    false_alarms: int
    """Among the decoys and clean rows beside them."""
    beside: int
    """Rows that were not planted."""
    clean_alarms: int
    microseconds: float


def generator_of(name: CheckName) -> ModuleType | None:
    """The module that plants for a check, if there is one."""
    try:
        module = import_module(f"dirty.{CHECKS[name]}")
    except ModuleNotFoundError as error:
        if error.name != f"dirty.{CHECKS[name]}":
            raise
        return None
    return module if hasattr(module, "plant") else None


def clean_rows(module: ModuleType, count: int, seed: int) -> list[Any]:
    """The module's own clean rows, or docstrings."""
    return list(getattr(module, "clean", default.clean)(count, seed))


def records_of(rows: Sequence[Any], renderer: Renderer) -> list[Record]:
    """Rows as the gate has them, measured. A row may bring its own `record(line)`."""
    records = [
        row.record(line) if hasattr(row, "record") else default.record_of(row, line) for line, row in enumerate(rows, 1)
    ]
    return [replace(each, rendered=found) for each, found in zip(records, renderer.measure(records), strict=True)]


def conclude(
    check: Check, records: Sequence[Record], folder: Path, rows: Sequence[Any] = ()
) -> tuple[Conclusion, set[int]]:
    """What the check says, and which rows it names: all of them where it tells, else its examples."""
    corpus = Corpus(folder / "records.jsonl", ("sft", "dpo"), ["rows.jsonl"])
    named: set[int] = set()
    for first in range(0, len(records), BATCH):
        scan = check.scan(records[first : first + BATCH])
        check.absorb(scan, first)
        named |= {first + index for index in scan.indices} if isinstance(scan, RowScan) else set()
    for number, record in enumerate(records):
        part = getattr(rows[number], "part", Part.TRAIN) if rows else Part.TRAIN
        corpus.append(_kept(record, part), 0, 0)
    scratch = folder / "scratch"
    scratch.mkdir()
    try:
        conclusion = check.conclude(corpus, scratch)
    finally:
        corpus.close()
    return conclusion, named or {*conclusion.leave_out} or {place.number for place in conclusion.places}


def _kept(record: Record, part: Part) -> Kept:
    return Kept(
        line=record.line,
        key=record.key,
        part=part,
        tokens=record.rendered.tokens if record.rendered else 0,
        copies=1,
        prompt_characters=len(record.prompt_text),
        answer_characters=len(record.answer_text),
        category=record.category,
        content=encode(replace(record, rendered=None)),
    )


def measure(
    name: CheckName, module: ModuleType, spec: FineTuneJobSpec, renderer: Renderer, folder: Path, rounds: int
) -> Measure:
    """Plants with as many seeds, then looks at clean rows, then takes the time."""
    context = CheckContext(spec, CONTEXT_LENGTH, spill=folder)
    planted = found = alarms = beside = 0
    for seed in range(rounds):
        place = folder / str(seed)
        place.mkdir()
        rows, truth = module.plant(clean_rows(module, ROWS, seed), seed)
        conclusion, named = conclude(make_check(name, context), records_of(rows, renderer), place, rows)
        planted, found = planted + len(truth), found + len(named & set(truth))
        alarms += max(len(named), conclusion.rows) - len(named & set(truth))
        beside += len(rows) - len(truth)
    place = folder / "clean"
    place.mkdir()
    rows = default.every_docstring()
    conclusion, named = conclude(make_check(name, context), records_of(rows, renderer), place, rows)
    return Measure(planted, found, alarms, beside, max(conclusion.rows, len(named)), cost(name, context))


def cost(name: CheckName, context: CheckContext) -> float:
    """Microseconds of processor time to scan a row of 200 words; the least of five."""
    records = timed_records()
    best = float("inf")
    for _ in range(5):
        check = make_check(name, context)
        start = time.process_time()
        for first in range(0, len(records), BATCH):
            check.scan(records[first : first + BATCH])
        best = min(best, time.process_time() - start)
    return best / len(records) * 1e6


def timed_records() -> list[Record]:
    """Rows of 60 words and 140."""
    every = " ".join(text for _, text in default.docstrings()).split()
    starts = range(0, 1000 * 97, 97)
    rows = [
        {"prompt": " ".join(every[start : start + 60]), "completion": " ".join(every[start + 60 : start + 200])}
        for start in starts
    ]
    return [default.record_of(row, line) for line, row in enumerate(rows, 1)]
