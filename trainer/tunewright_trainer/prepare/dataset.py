"""All rows of one stage: read, converted and split, with every problem kept."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tunewright_api.spec import Split
from tunewright_api.stages import DatasetFormat, Stage
from tunewright_trainer.prepare.formats import BadRow, CanonicalRow, convert, recognise
from tunewright_trainer.prepare.rows import Problem, RawRow, read_rows
from tunewright_trainer.prepare.split import Part, part_of

FEWEST_TRAINING_ROWS = 4
NAMED_PROBLEMS = 3


@dataclass(frozen=True)
class PreparedStage:
    """The rows of one stage by part, in the order of the file."""

    stage: str
    format: DatasetFormat | None
    parts: dict[Part, list[CanonicalRow]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows kept, over all parts."""
        return sum(len(rows) for rows in self.parts.values())


def prepare_stage(data: bytes, stage: Stage, split: Split) -> PreparedStage:
    """Read one JSONL object for one stage: rows in = rows kept + problems."""
    source = stage.dataset.uri.rsplit("/", 1)[-1]
    parts: dict[Part, list[CanonicalRow]] = {part: [] for part in Part}
    problems: list[Problem] = []
    shape: DatasetFormat | None = stage.dataset.format if stage.dataset.format is not DatasetFormat.AUTO else None
    for item in read_rows(data, source):
        if isinstance(item, Problem):
            problems.append(item)
            continue
        try:
            shape = shape or recognise(item.value, stage.method)
            row = _canonical(item, shape)
        except BadRow as error:
            problems.append(Problem(source, item.line, str(error)))
            continue
        parts[part_of(row.prompt, split)].append(row)
    return PreparedStage(stage.name, shape, parts, problems)


def _canonical(item: RawRow, shape: DatasetFormat) -> CanonicalRow:
    return convert(item.value, shape, f"{item.source}:{item.line}")


def complaint(prepared: PreparedStage, uri: str) -> str | None:
    """The sentence that fails the run, or None when the rows can be learned from."""
    if prepared.problems:
        named = "; ".join(str(problem) for problem in prepared.problems[:NAMED_PROBLEMS])
        more = len(prepared.problems) - NAMED_PROBLEMS
        return (
            f"stage {prepared.stage}: {len(prepared.problems)} of {prepared.rows + len(prepared.problems)} rows of {uri} cannot be used: {named}"
            + (f"; and {more} more, all of them in report.json" if more > 0 else "")
        )
    if not prepared.rows:
        return f"stage {prepared.stage}: {uri} has no rows"
    train, test = len(prepared.parts[Part.TRAIN]), len(prepared.parts[Part.TEST])
    if train < FEWEST_TRAINING_ROWS:
        return f"stage {prepared.stage}: {uri} leaves {train} rows to train on after the split; at least {FEWEST_TRAINING_ROWS} are needed"
    if not test:
        return f"stage {prepared.stage}: {uri} leaves no rows to test on after the split; add rows or raise spec.split.test"
    return None


def summary(prepared: PreparedStage) -> dict[str, Any]:
    """What report.json says about a stage: counts and lengths, no words of the data."""
    rows = [row for part in prepared.parts.values() for row in part]
    lengths = sorted(sum(len(message["content"]) for message in row.prompt) for row in rows)
    answers = sorted(len(message["content"]) for row in rows for answer in row.answers.values() for message in answer)
    return {
        "stage": prepared.stage,
        "format": prepared.format,
        "rows": {
            "kept": prepared.rows,
            "refused": len(prepared.problems),
            **{part: len(found) for part, found in prepared.parts.items()},
        },
        "promptCharacters": _quantiles(lengths),
        "answerCharacters": _quantiles(answers),
        "problems": [
            {"source": problem.source, "line": problem.line, "reason": problem.reason} for problem in prepared.problems
        ],
        "problemsByReason": dict(Counter(problem.reason for problem in prepared.problems).most_common(20)),
    }


def _quantiles(ascending: list[int]) -> dict[str, int]:
    if not ascending:
        return {}
    at = {"min": 0.0, "p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {name: ascending[round(share * (len(ascending) - 1))] for name, share in at.items()}
