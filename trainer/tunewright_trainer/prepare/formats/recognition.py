"""Finds out which format the rows of a data set have, and says why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tunewright_api.datasets import Columns, Dataset, DatasetFormat
from tunewright_api.methods import METHOD_FORMATS, Method
from tunewright_trainer.prepare.formats import (
    instruction,
    messages,
    preference,
    prompt_completion,
    prompt_only,
    sharegpt,
    text,
    unpaired,
)
from tunewright_trainer.prepare.formats.base import Format, Row
from tunewright_trainer.prepare.reading.parsing import printable
from tunewright_trainer.prepare.records import BadRow

_MODULES = (messages, sharegpt, preference, unpaired, prompt_completion, instruction, prompt_only, text)
FORMATS: Mapping[DatasetFormat, Format] = {module.FORMAT.name: module.FORMAT for module in _MODULES}
"""In the order in which they are tried: those with more columns of their own before those with fewer."""


def names_of(columns: Columns | None) -> Mapping[str, str]:
    """Our name -> the file's, for the columns that it names otherwise."""
    return columns.model_dump(exclude_none=True) if columns else {}


def complete_format(row: Row) -> Format | None:
    """The format whose columns the row has."""
    return next((shape for shape in FORMATS.values() if shape.form_of(row)), None)


def recognise(rows: Sequence[Mapping[str, Any]], method: Method, dataset: Dataset) -> tuple[DatasetFormat, str]:
    """The format that most of these first rows have, and why it was taken. Raises BadRow when the method cannot use it, or there is none."""
    if dataset.format is not DatasetFormat.AUTO:
        if dataset.format not in METHOD_FORMATS[method]:
            raise BadRow(f"dataset.format is {dataset.format}; method {method} reads {_wanted(method)}")
        return dataset.format, "given in the spec"
    seen = [Row(row, names_of(dataset.columns)) for row in rows]
    found = [pair for row in seen if (pair := _form_of(row, method))]
    if not found:
        listed = ", ".join(printable(column) for column in sorted(seen[0].value)[:8]) or "none"
        raise BadRow(f"has the columns {listed}; method {method} reads {_wanted(method)}{_absent(seen)}")
    # Of equally frequent ones the first seen.
    (name, form), count = Counter(found).most_common(1)[0]
    if name not in METHOD_FORMATS[method]:
        raise BadRow(f"these are {name} rows; method {method} reads {_wanted(method)}")
    return name, _reason(seen[0], form, count, len(rows))


def _form_of(row: Row, method: Method) -> tuple[DatasetFormat, tuple[str, ...]] | None:
    """The format of one row and its columns; a bare form only where no format is complete."""
    if (shape := complete_format(row)) and (form := shape.form_of(row)):
        return shape.name, form
    readable = (FORMATS[name] for name in METHOD_FORMATS[method])
    return next(((shape.name, form) for shape in readable if (form := shape.bare_form_of(row))), None)


def _reason(row: Row, form: tuple[str, ...], count: int, rows: int) -> str:
    columns = (
        " and ".join([", ".join(map(row.name, form[:-1])), row.name(form[-1])]) if len(form) > 1 else row.name(form[0])
    )
    which = f"the first {rows} rows have" if count == rows > 1 else f"{count} of the first {rows} rows have"
    return f"{'the first row has' if rows == 1 else which} the column{'s' if len(form) > 1 else ''} {columns}"


def _absent(rows: Sequence[Row]) -> str:
    """The names of `dataset.columns` that no row has."""
    given = sorted(set(rows[0].names.values()) - {column for row in rows for column in row.value})
    return f"; dataset.columns names {', '.join(given)}, which is in no row" if given else ""


def _wanted(method: Method) -> str:
    return " or ".join("{" + ", ".join(FORMATS[name].forms[0]) + "}" for name in METHOD_FORMATS[method])
