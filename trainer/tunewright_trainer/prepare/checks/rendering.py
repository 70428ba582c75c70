"""Rows of which nothing would be learned under the model's chat template, or not where to stop. `Rendered.problem` has the words."""

from collections import Counter
from collections.abc import Iterator

from tunewright_api.data import CheckName
from tunewright_trainer.prepare.checks.base import CheckContext, Hit, RowCheck
from tunewright_trainer.prepare.readable import share_of
from tunewright_trainer.prepare.records import Record


def make(context: CheckContext) -> RowCheck:
    """The check."""
    return RowCheck(CheckName.RENDERING, find, _say, can_leave_out=True)


def find(record: Record) -> Iterator[Hit]:
    """What the renderer has said of the row."""
    if record.rendered is not None and record.rendered.problem:
        yield Hit(record.rendered.problem, note=record.rendered.problem)


def _say(found: int, rows: int, kinds: Counter[str]) -> tuple[str, str]:
    if not found:
        return "under the model's chat template something is learned of every row, and where to stop", ""
    listed = "; ".join(f"{kind} ({count})" for kind, count in kinds.most_common(3))
    return (
        f"{share_of(found, rows)} cannot be learned from: {listed}",
        "Mend these rows, or set data.checks.rendering to Fix, which leaves them out; if it is most of them, the chat template of spec.model.uri is not made for training.",
    )
