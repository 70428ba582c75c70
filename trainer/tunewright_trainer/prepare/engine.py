"""Runs batches through worker processes: chunk -> rows -> records -> mended -> measured -> scanned. Results come back in order, whatever the number of workers."""

import multiprocessing
import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from tunewright_api.data import ActionOrFix, CheckName
from tunewright_api.datasets import Source
from tunewright_api.spec import FineTuneJobSpec
from tunewright_trainer.prepare.checks import CHECKS, make_check, make_menders
from tunewright_trainer.prepare.checks.base import Check, CheckContext
from tunewright_trainer.prepare.corpus import Kept, encode
from tunewright_trainer.prepare.formats import Shape, convert
from tunewright_trainer.prepare.masking import masked
from tunewright_trainer.prepare.reading import Chunk, rows
from tunewright_trainer.prepare.records import BadRow, Problem, RawRow, Record
from tunewright_trainer.prepare.rendering import Renderer
from tunewright_trainer.prepare.sources import copies_of
from tunewright_trainer.prepare.split import Part, part_of

BATCHES_IN_FLIGHT = 3
"""For each worker: enough to keep it busy, few enough that memory stays flat."""


@dataclass(frozen=True)
class Setup:
    """What a worker process is made from."""

    context: CheckContext
    model: Path
    """Folder with the model's tokenizer and chat template."""

    @property
    def spec(self) -> FineTuneJobSpec:
        """The job."""
        return self.context.spec


@dataclass(frozen=True)
class Batch:
    """A piece of one object, and how it is to be read."""

    stage: int
    object_: int
    held_out: bool
    """The object is part of `dataset.evalUri`."""
    test_share: bool
    """Whether rows of this stage are drawn for the test part."""
    source: Source
    shape: Shape
    chunk: Chunk


@dataclass
class Scanned:
    """What has become of a batch: each of its rows is a problem or kept."""

    stage: int
    object_: int
    problems: list[Problem] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    scans: dict[CheckName, Any] = field(default_factory=dict)
    columns: set[str] = field(default_factory=set)
    """Columns that the spec or the format knows and any row has, refused ones too; looked for only where the spec gives names."""
    mended: dict[CheckName, Counter[str]] = field(default_factory=dict)
    """Check -> rows and places that its Fix has mended."""


def wanted_checks(context: CheckContext) -> list[Check]:
    """All checks that the job does not ignore, in the order of the report."""
    return [make_check(name, context) for name in CHECKS if context.spec.data.action(name) is not ActionOrFix.IGNORE]


class Worker:
    """One process's share of the work."""

    def __init__(self, setup: Setup) -> None:
        self._split = setup.spec.split
        self._checks = wanted_checks(setup.context)
        self._menders = make_menders(setup.context)
        self._renderer = Renderer(setup.model)

    def work(self, batch: Batch) -> Scanned:
        """All that can be said of a batch without the others."""
        scanned = Scanned(batch.stage, batch.object_)
        records: list[Record] = []
        wanted = batch.shape.known.union(batch.shape.names.values()) if batch.shape.names else frozenset()
        absent = set(wanted)
        for row in rows(batch.chunk):
            if absent and isinstance(row, RawRow):
                absent.difference_update(row.value)
            record = _converted(row, batch.shape)
            if isinstance(record, Problem):
                scanned.problems.append(record)
            else:
                records.append(self._mended(record, scanned))
        scanned.columns = set(wanted - absent)
        rendered = self._renderer.measure(records)
        records = [replace(record, rendered=found) for record, found in zip(records, rendered, strict=True)]
        scanned.kept = [self._kept(record, batch) for record in records]
        scanned.scans = {check.name: check.scan(records) for check in self._checks}
        return scanned

    def _mended(self, record: Record, scanned: Scanned) -> Record:
        for name, mend in self._menders.items():
            record, places = mend(record)
            if places:
                scanned.mended.setdefault(name, Counter()).update(rows=1, places=places)
        return record

    def _kept(self, record: Record, batch: Batch) -> Kept:
        content = encode(record)
        part = Part.TEST if batch.held_out else part_of(record.key, self._split, test=batch.test_share)
        copies = 1 if part is not Part.TRAIN else copies_of(record, batch.source, self._split.seed)
        return Kept(
            line=record.line,
            key=record.key,
            part=part,
            tokens=record.rendered.tokens if record.rendered else 0,
            copies=copies,
            prompt_characters=len(record.prompt_text),
            answer_characters=len(record.answer_text),
            category=masked(record.category),
            content=content,
        )


def _converted(row: RawRow | Problem, shape: Shape) -> Record | Problem:
    if isinstance(row, Problem):
        return row
    try:
        return convert(row, shape)
    except BadRow as error:
        return Problem(row.line, str(error))


_worker: Worker | None = None


def _begin(setup: Setup) -> None:
    global _worker
    _worker = Worker(setup)


def _work(batch: Batch) -> Scanned:
    assert _worker is not None
    return _worker.work(batch)


def scan_all(batches: Iterable[Batch], setup: Setup) -> Iterator[Scanned]:
    """Scan batches side by side, `setup.context.workers` at once; one worker needs no process of its own."""
    if setup.context.workers == 1:
        worker = Worker(setup)
        yield from map(worker.work, batches)
        return
    # A fork of this process would take its threads' locks along.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(setup.context.workers, context, _begin, (setup,)) as pool:
        yield from _in_order(pool, iter(batches), BATCHES_IN_FLIGHT * setup.context.workers)


def _in_order(pool: ProcessPoolExecutor, batches: Iterator[Batch], most: int) -> Iterator[Scanned]:
    waiting: deque[Future[Scanned]] = deque(pool.submit(_work, batch) for batch in islice(batches, most))
    while waiting:
        done = waiting.popleft().result()
        waiting.extend(pool.submit(_work, batch) for batch in islice(batches, 1))
        yield done


def usable_processors() -> int:
    """Processors that this container may use: its quota, not the node's number."""
    allowed = len(os.sched_getaffinity(0))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return allowed if quota == "max" else max(1, min(allowed, int(quota) // int(period)))
    except (OSError, ValueError):
        return allowed
