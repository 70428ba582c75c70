"""From a row to a record: the shapes of rows that are understood, one a file, and the one shape that every recipe gets.

`recognise` finds out which shape the rows of a data set have; `convert` makes a record of one row, or raises BadRow with the column
and what was expected of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from tunewright_api.datasets import Columns, DatasetFormat
from tunewright_api.methods import METHOD_FORMATS, Method
from tunewright_trainer.prepare.formats.base import Format, Row
from tunewright_trainer.prepare.formats.recognition import (
    FORMATS,
    complete_format,
    names_of,
    recognise,
)
from tunewright_trainer.prepare.reading.parsing import printable
from tunewright_trainer.prepare.records import BadRow, RawRow, Record
from tunewright_trainer.prepare.split import key_of

__all__ = ["METHOD_FORMATS", "Shape", "columns_of", "convert", "recognise"]

MARKS = ("category", "synthetic")
"""Columns that rows of every format may have."""
LONGEST_CATEGORY = 100
MOST_COMPARED = 50
"""Columns among which a misspelt one is looked for."""


@dataclass(frozen=True)
class Shape:
    """How the rows of one stage are to be read."""

    format: DatasetFormat
    columns: Columns | None
    method: Method
    needs_answer: bool = False
    """Whether a reward of the stage compares with the row's own answer."""

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Our name of a column -> the file's."""
        return names_of(self.columns)

    @cached_property
    def known(self) -> frozenset[str]:
        """All columns that a row may have, by the file's names."""
        return frozenset(self.names.get(column, column) for column in (*columns_of(self.format), *MARKS))


def columns_of(name: DatasetFormat) -> tuple[str, ...]:
    """The columns that rows of a format are made of, by our names."""
    return FORMATS[name].columns


def convert(row: RawRow, shape: Shape) -> Record:
    """The record of one row. Raises BadRow."""
    cells, kind = Row(row.value, shape.names), FORMATS[shape.format]
    _check_columns(cells, kind, shape)
    converted = kind.convert(cells)
    if shape.needs_answer and not any(example.answers or "answer" in example.extra for example in converted.examples):
        raise BadRow(f"column '{cells.name('answer')}' is missing; a reward of this stage compares with it")
    return Record(
        line=row.line,
        key=key_of(converted.prompt),
        examples=converted.examples,
        category=_category(cells),
        synthetic=_synthetic(cells),
    )


def _check_columns(row: Row, kind: Format, shape: Shape) -> None:
    if kind.form_of(row) is None and kind.bare_form_of(row) is None:
        if (other := complete_format(row)) is not None:
            raise BadRow(f"is a {other.name} row among {kind.name} rows; all files of a stage hold rows of one format")
        missing = next(name for column in kind.forms[0] if (name := row.name(column)) not in row.value)
        near = get_close_matches(missing, list(row.value)[:MOST_COMPARED], n=1, cutoff=0.6)
        raise BadRow(f"column '{missing}' is missing" + (f"; is '{printable(near[0])}' meant?" if near else ""))
    if not row.value.keys() <= shape.known:
        unknown = min(row.value.keys() - shape.known)
        form, others = kind.forms[0], [*kind.optional, *MARKS]
        raise BadRow(
            f"column '{printable(unknown)}' is unknown; {kind.name} rows have {_list(row, form)}, and may have {_list(row, others)}"
        )


def _list(row: Row, columns: Any) -> str:
    return ", ".join(map(row.name, columns))


def _category(row: Row) -> str:
    value = row.get("category")
    if value is None:
        return ""
    text = str(value).strip() if isinstance(value, str | int) else ""
    if not isinstance(value, str | int) or len(text) > LONGEST_CATEGORY:
        raise BadRow(f"column '{row.name('category')}' must be a text of at most {LONGEST_CATEGORY} characters")
    return text


def _synthetic(row: Row) -> bool:
    value = row.get("synthetic")
    if value is None or isinstance(value, bool):
        return bool(value)
    if not isinstance(value, str):
        raise BadRow(f"column '{row.name('synthetic')}' must be true, false or a text")
    return bool(value.strip())
