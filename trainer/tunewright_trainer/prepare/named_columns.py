"""Names of `dataset.columns` that are in no row: misspelt, most of the time, and passed over in silence where rows are complete without them. Pure."""

from collections.abc import Set
from dataclasses import dataclass

from tunewright_api.methods import listed
from tunewright_api.stages import Stage
from tunewright_trainer.prepare.formats import Shape, columns_of
from tunewright_trainer.prepare.masking import masked
from tunewright_trainer.prepare.reading.parsing import printable


@dataclass(frozen=True)
class Absent:
    """One name that is in no row."""

    sentence: str
    is_needed: bool
    """Without the column the rows would say something else; the others are for the report, or for rows of another format."""


def absent_columns(stage: Stage, shape: Shape, seen: Set[str]) -> list[Absent]:
    """The names that are not in `seen`, the known columns that any row of the stage has."""
    have = masked(listed([printable(column) for column in sorted(seen)], "and")) if seen else "none"
    return [
        Absent(
            f"stage {stage.name}: dataset.columns.{ours} names the column '{masked(printable(theirs))}', which is in no row; "
            f"the rows have {have}: correct the name, or leave it out",
            is_needed=ours in columns_of(shape.format),
        )
        for ours, theirs in shape.names.items()
        if theirs not in seen
    ]
