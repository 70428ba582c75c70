"""The data gate: every row of every stage is read, kept or named, looked at by every check, and put into its part."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tunewright_api.data import ActionOrFix, CheckName
from tunewright_api.data_report import Finding, SourceObject, StageReport
from tunewright_trainer.prepare.checks import in_order_of_conclusion
from tunewright_trainer.prepare.checks.base import Check
from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.engine import Scanned, Setup, scan_all, wanted_checks
from tunewright_trainer.prepare.intake import Intake
from tunewright_trainer.prepare.measurable import unmeasurable
from tunewright_trainer.prepare.sources import FetchedObject
from tunewright_trainer.prepare.split import PARTS, Part
from tunewright_trainer.prepare.stage_report import stage_report, too_few
from tunewright_trainer.prepare.verdicts import failures, finding_of

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Inspected:
    """All that the gate has to say."""

    corpus: Corpus
    left_out: Numbers
    """Numbers of the records that a Fix leaves out, ascending."""
    findings: list[Finding]
    stages: list[StageReport]
    objects: list[SourceObject]
    files: list[Path]
    """What checks have written for people, to be put beside the report; on scratch."""
    refusals: list[str]
    """Why the data cannot be trained on; none when it can."""


class Gate:
    """One look at all data of a job. `scratch`, an empty folder, takes what does not fit into memory."""

    def __init__(self, setup: Setup, scratch: Path) -> None:
        self._setup = setup
        self._data = setup.context.spec.data
        self._scratch = scratch
        self._checks: list[Check] = wanted_checks(setup.context)
        self._intake = Intake(setup.context.spec.stages)
        self._mended: dict[CheckName, Counter[str]] = {}
        self._files: list[Path] = []
        stages = tuple(stage.name for stage in setup.context.spec.stages)
        self._corpus = Corpus(scratch / "records.jsonl", stages, self._intake.names)

    def inspect(self, fetched: Iterator[tuple[int, FetchedObject]]) -> Inspected:
        """Look at each object, with the index of its stage, in order."""
        batches = chain.from_iterable(self._intake.batches(index, item) for index, item in fetched)
        for scanned in scan_all(batches, self._setup):
            self._take_in(scanned)
        findings = self._conclude()
        left_out = np.flatnonzero(self._corpus.column("left_out"))
        reports = [stage_report(self._corpus, intake, left_out) for intake in self._intake.stages]
        return Inspected(
            corpus=self._corpus,
            left_out=left_out,
            findings=findings,
            stages=reports,
            objects=self._intake.objects,
            files=self._files,
            refusals=self._refusals(findings, reports),
        )

    def close(self) -> None:
        """Close the files on scratch."""
        self._corpus.close()

    def _take_in(self, scanned: Scanned) -> None:
        first = len(self._corpus)
        self._intake.refuse(scanned.stage, scanned.object_, scanned.problems)
        self._intake.keep(scanned.object_, len(scanned.kept))
        self._intake.stages[scanned.stage].columns |= scanned.columns
        for kept in scanned.kept:
            self._corpus.append(kept, scanned.stage, scanned.object_)
        for name, counts in scanned.mended.items():
            self._mended.setdefault(name, Counter()).update(counts)
        for check in self._checks:
            check.absorb(scanned.scans[check.name], first)

    def _conclude(self) -> list[Finding]:
        structure = self._intake.finding(len(self._corpus), self._data.action(CheckName.STRUCTURE))
        # Without a row there is nothing to ask about.
        checks = self._checks if len(self._corpus) else []
        found = {check.name: self._concluded(check) for check in in_order_of_conclusion(checks)}
        return [structure, *(found[check.name] for check in checks)]

    def _concluded(self, check: Check) -> Finding:
        folder = self._scratch / str(check.name)
        folder.mkdir()
        conclusion = check.conclude(self._corpus, folder)
        self._files += conclusion.files
        action = self._data.action(check.name)
        if action is ActionOrFix.FIX:
            self._corpus.leave_out(conclusion.leave_out)
        mended = self._mended.get(check.name, Counter())
        return finding_of(check.name, action, conclusion, len(self._corpus), mended=mended, place=self._place)

    def _place(self, number: int) -> str:
        return self._intake.place(self._corpus.object[number], self._corpus.line[number])

    def _refusals(self, findings: list[Finding], reports: list[StageReport]) -> list[str]:
        """Rows that cannot be read come first: what else is found may be their consequence."""
        action = self._data.action(CheckName.STRUCTURE)
        kept = np.bincount(self._corpus.column("stage"), minlength=len(self._intake.stages))
        unreadable = [
            text for intake in self._intake.stages if (text := intake.complaint(int(kept[intake.index]), action))
        ]
        pairs = zip(self._intake.stages, reports, strict=True)
        return [*self._intake.unreadable, *unreadable] or [
            *self._intake.misnamed,
            *failures([finding for finding in findings if finding.check is not CheckName.STRUCTURE]),
            *(text for pair in pairs if (text := too_few(*pair))),
            *unmeasurable(self._setup.context.spec, self._intake.formats, self._has_reference),
        ]

    def _has_reference(self, stage: str) -> bool:
        """Whether a test row of this stage names the right answer to its prompt."""
        mine = self._corpus.column("stage") == self._corpus.stages.index(stage)
        tested = np.flatnonzero(mine & (self._corpus.column("part") == PARTS.index(Part.TEST)))
        return any("answer" in self._corpus.record(int(number)).examples[-1].extra for number in tested)
