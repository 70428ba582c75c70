"""Takes the objects in: cuts them into batches, finds out the format of each stage, and keeps account of the rows that are refused."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from tunewright_api.data import ActionOrFix, CheckName
from tunewright_api.data_report import MOST_EXAMPLES, Example, Finding, SourceObject, Verdict
from tunewright_api.datasets import DatasetFormat
from tunewright_api.stages import Stage
from tunewright_trainer.prepare.engine import Batch
from tunewright_trainer.prepare.few import few, kind_of
from tunewright_trainer.prepare.formats import Shape, recognise
from tunewright_trainer.prepare.masking import masked
from tunewright_trainer.prepare.named_columns import Absent, absent_columns
from tunewright_trainer.prepare.readable import end_of, evaluated
from tunewright_trainer.prepare.reading import Chunk, Unreadable, chunks, rows
from tunewright_trainer.prepare.records import BadRow, Problem, RawRow
from tunewright_trainer.prepare.sources import FetchedObject

NAMED_PROBLEMS = 3
ROWS_TO_RECOGNISE = 50
MOST_REASONS = 20
MOST_DIFFERENT_REASONS = 10_000
"""A reason names a column or a byte, so a broken file has as many as rows; beyond this they are not counted apart."""


@dataclass
class StageIntake:
    """What is known of one stage while its objects are read."""

    stage: Stage
    index: int
    shape: Shape | None = None
    reason: str = ""
    """Why the rows were taken to be of this format."""
    refused: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    """Place and reason of the first refused rows, and of the first of each kind of reason."""
    reasons: Counter[str] = field(default_factory=Counter)
    columns: set[str] = field(default_factory=set)
    """Known columns that any row has, where the spec gives names."""
    _kinds: set[str] = field(default_factory=set)

    def refuse(self, name: str, held_out: bool, problems: Sequence[Problem]) -> None:
        """Count refused rows of one object, and keep the first."""
        self.refused += len(problems)
        if len(self.reasons) < MOST_DIFFERENT_REASONS:
            self.reasons.update(masked(problem.reason) for problem in problems)
        for problem in problems:
            reason = masked(problem.reason)
            if self._is_worth_naming(reason):
                self.problems.append((evaluated(f"{name}:{problem.line}", held_out), reason))

    def _is_worth_naming(self, reason: str) -> bool:
        """The first rows are, and of the others the first of each kind of reason."""
        is_new = len(self._kinds) < MOST_EXAMPLES and kind_of(reason) not in self._kinds
        if is_new:
            self._kinds.add(kind_of(reason))
        return is_new or len(self.problems) < MOST_EXAMPLES

    def absent(self) -> list[Absent]:
        """Names of the spec that are in no row; nothing is said of a stage without readable rows."""
        return absent_columns(self.stage, self.shape, self.columns) if self.shape else []

    def complaint(self, kept: int, action: ActionOrFix) -> str | None:
        """The sentence that refuses the stage for rows that cannot be used, or for having none; None when all is well."""
        where, evaluation = self.stage.dataset.where, self.stage.dataset.eval_uri
        if self.refused and action is ActionOrFix.FAIL:
            named = "; ".join(f"{place}: {reason}" for place, reason in few(self.problems, NAMED_PROBLEMS, _reason))
            both = f"{where} and the evaluation set {evaluation}" if evaluation else where
            more = self.refused - NAMED_PROBLEMS
            rest = f"; and {more} more, all of them counted in report.json" if more > 0 else ""
            return f"stage {self.stage.name}: {self.refused} of {kept + self.refused} rows of {both} cannot be used: {named}{rest}"
        return f"stage {self.stage.name}: {where} has no rows" if not kept else None


class Intake:
    """The objects of all stages, in the order they are read."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self.stages = [StageIntake(stage, index) for index, stage in enumerate(stages)]
        self.objects: list[SourceObject] = []
        self.names: list[str] = []
        self.unreadable: list[str] = []
        """A sentence for each object that cannot be read to its end. What was read of it is no data set, whatever is done about single rows."""

    def batches(self, index: int, item: FetchedObject) -> Iterator[Batch]:
        """The pieces of one object of a stage; its format is that of the stage's first rows."""
        intake, number = self.stages[index], len(self.objects)
        self.objects.append(item.provenance)
        self.names.append(item.name)
        test_share = intake.stage.dataset.eval_uri is None
        for piece in self._pieces(item):
            if isinstance(piece, Problem):
                self.refuse(index, number, [piece])
                continue
            shape = intake.shape or self._recognised(intake, piece)
            if shape is None:
                self.refuse(index, number, list(_unrecognised(intake.stage, piece)))
            else:
                yield Batch(index, number, item.held_out, test_share, item.source, shape, piece)

    def _pieces(self, item: FetchedObject) -> Iterator[Chunk | Problem]:
        try:
            yield from chunks(item.path)
        except Unreadable as error:
            self.unreadable.append(f"{evaluated(item.name, item.held_out)} {error}")

    @property
    def formats(self) -> dict[str, DatasetFormat]:
        """The format of each stage's rows, by stage; a stage without a row has none."""
        return {intake.stage.name: intake.shape.format for intake in self.stages if intake.shape}

    @property
    def misnamed(self) -> list[str]:
        """A sentence for each name of a column that the rows would need, and that is in none."""
        return [each.sentence for intake in self.stages for each in intake.absent() if each.is_needed]

    def refuse(self, index: int, number: int, problems: Sequence[Problem]) -> None:
        """Rows of object `number` that cannot be used."""
        self.stages[index].refuse(self.names[number], self.objects[number].held_out, problems)
        self._count(number, rows=len(problems), refused=len(problems))

    def place(self, number: int, line: int) -> str:
        """Where a row of object `number` stands, for people to read; its id does not say what it is used for."""
        return evaluated(f"{self.names[number]}:{line}", self.objects[number].held_out)

    def keep(self, number: int, count: int) -> None:
        """Rows of object `number` that are kept."""
        self._count(number, rows=count, refused=0)

    def finding(self, kept: int, action: ActionOrFix) -> Finding:
        """What the check `structure` has to say."""
        refused = sum(intake.refused for intake in self.stages)
        total = refused + kept
        reasons: Counter[str] = sum((intake.reasons for intake in self.stages), Counter())
        problems = [problem for intake in self.stages for problem in intake.problems]
        return Finding(
            check=CheckName.STRUCTURE,
            action=action,
            verdict=self._verdict(refused, action),
            rows=refused,
            share=round(refused / total, 6) if total else 0.0,
            message=self._said(refused, total)[:1000],
            advice="Correct the rows, or set data.checks.structure to Fix to train without them."
            if refused and action is ActionOrFix.FAIL
            else "",
            kinds={reason[:250]: count for reason, count in reasons.most_common(MOST_REASONS)},
            examples=[
                Example(place=end_of(place), note=reason[:1000])
                for place, reason in few(problems, MOST_EXAMPLES, _reason)
            ],
        )

    def _verdict(self, refused: int, action: ActionOrFix) -> Verdict:
        if self.unreadable or self.misnamed or (refused and action is ActionOrFix.FAIL):
            return Verdict.FAILED
        if any(intake.absent() for intake in self.stages):
            return Verdict.WARNED
        return Verdict.FIXED if refused else Verdict.PASSED

    def _said(self, refused: int, total: int) -> str:
        if self.unreadable:
            return "; ".join(self.unreadable)
        said = [f"{refused} of {total} rows cannot be read or used"] if refused else []
        absent = [each.sentence for intake in self.stages for each in intake.absent()]
        if said or absent:
            return "; ".join([*said, *absent])
        return "Every row can be read." if total else "There is no row to read."

    def _recognised(self, intake: StageIntake, piece: Chunk) -> Shape | None:
        dataset, method = intake.stage.dataset, intake.stage.method
        first = [row.value for row in islice(rows(piece), ROWS_TO_RECOGNISE) if isinstance(row, RawRow)]
        if not first:
            return None
        try:
            name, intake.reason = recognise(first, method, dataset)
        except BadRow:
            return None
        intake.shape = Shape(name, dataset.columns, method, needs_answer=intake.stage.needs_answer)
        return intake.shape

    def _count(self, number: int, *, rows: int, refused: int) -> None:
        known = self.objects[number]
        changes = {"rows": known.rows + rows, "refused": known.refused + refused}
        self.objects[number] = known.model_copy(update=changes)


def _reason(problem: tuple[str, str]) -> str:
    return problem[1]


def _unrecognised(stage: Stage, piece: Chunk) -> Iterator[Problem]:
    """No format fits the first rows: each row says so for itself."""
    for row in rows(piece):
        if isinstance(row, Problem):
            yield row
            continue
        try:
            recognise([row.value], stage.method, stage.dataset)
        except BadRow as error:
            yield Problem(row.line, str(error))
        else:
            yield Problem(row.line, "stands among rows of no known format; one data set holds rows of one format")
