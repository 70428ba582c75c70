"""What every format is made of: the columns it is known by, and how one row of it becomes examples."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tunewright_api.datasets import DatasetFormat
from tunewright_trainer.prepare.records import BadRow, Example, Message


@dataclass(frozen=True)
class Row:
    """A row by our names of its columns; sentences use the file's."""

    value: Mapping[str, Any]
    names: Mapping[str, str]
    """Our name -> the file's, where `columns` gives one."""

    def name(self, column: str) -> str:
        """What the file calls this column."""
        return self.names.get(column, column)

    def get(self, column: str) -> Any:
        """The cell; None where there is none."""
        return self.value.get(self.name(column))

    def text(self, column: str) -> str:
        """A cell that must be a text with something in it."""
        value = self.get(column)
        if not isinstance(value, str):
            raise BadRow(f"column '{self.name(column)}' must be a text")
        if not value.strip():
            raise BadRow(f"column '{self.name(column)}' is empty")
        return value


@dataclass(frozen=True)
class Converted:
    """What a row has become."""

    examples: tuple[Example, ...]
    prompt: list[Message]
    """What the split goes by: all that comes before the last answer, learned or not."""


@dataclass(frozen=True)
class Format:
    """One shape of rows."""

    name: DatasetFormat
    forms: tuple[tuple[str, ...], ...]
    """Columns that make a row one of this format; each form is complete by itself, the first is the one to recommend."""
    optional: tuple[str, ...]
    convert: Callable[[Row], Converted]
    """Raises BadRow with the column and what was expected of it."""
    bare: tuple[str, ...] = ()
    """Columns that do where a row has no more: taken last, and only for a method that reads this format."""

    def form_of(self, row: Row) -> tuple[str, ...] | None:
        """The form whose columns the row has."""
        return next((form for form in self.forms if all(row.name(column) in row.value for column in form)), None)

    def bare_form_of(self, row: Row) -> tuple[str, ...] | None:
        """The bare form, if there is one and the row has its columns."""
        return self.bare if self.bare and all(row.name(column) in row.value for column in self.bare) else None

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that a row may have."""
        return (*(column for form in self.forms for column in form), *self.optional)
