"""Which types of Parquet columns have a like in JSON."""

import pyarrow as pa
from pyarrow import types

from tunewright_trainer.prepare.reading.parsing import DEEPEST, printable
from tunewright_trainer.prepare.reading.unreadable import Unreadable

PLAIN = (
    types.is_string,
    types.is_large_string,
    types.is_string_view,
    types.is_binary,
    types.is_large_binary,
    types.is_binary_view,
    types.is_boolean,
    types.is_integer,
    types.is_floating,
    types.is_null,
)
LISTS = (types.is_list, types.is_large_list, types.is_fixed_size_list, types.is_list_view, types.is_large_list_view)


def refuse_types(schema: pa.Schema) -> None:
    """Raise for columns that no row of JSON could have."""
    _refuse_equal_names(schema.names, "")
    for field in schema:
        _refuse(field.type, printable(field.name), DEEPEST)


def _refuse(kind: pa.DataType, where: str, levels: int) -> None:
    if not levels:
        raise Unreadable(f"has a column '{where[:40]}' that is nested too deeply")
    if types.is_dictionary(kind):
        _refuse(kind.value_type, where, levels - 1)
    elif any(is_kind(kind) for is_kind in LISTS):
        _refuse(kind.value_type, f"{where}[]", levels - 1)
    elif types.is_struct(kind):
        _refuse_equal_names([field.name for field in kind], where)
        for field in kind:
            _refuse(field.type, f"{where}.{printable(field.name)}", levels - 1)
    elif not any(is_kind(kind) for is_kind in PLAIN):
        raise Unreadable(
            f"has a column '{where[:120]}' of type {str(kind)[:60]}; rows hold texts, numbers, true or false, lists and structs: cast it to a text, or leave it out"
        )


def _refuse_equal_names(names: list[str], where: str) -> None:
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        inside = f" in '{where[:120]}'" if where else ""
        raise Unreadable(f"has two columns '{printable(double)}'{inside}; give them different names")
