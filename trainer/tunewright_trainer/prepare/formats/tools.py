"""Functions that an assistant may call, and its calls, in the one form that chat templates render: arguments as an object."""

from typing import Any

from tunewright_trainer.prepare.formats.base import Row
from tunewright_trainer.prepare.reading.parsing import parsed
from tunewright_trainer.prepare.records import BadRow

LARGEST_EXACT = 2.0**53
FUNCTION = "function"


def tools_of(row: Row) -> dict[str, Any]:
    """{"tools": [...]} of the row's column, or nothing."""
    found = tool_list(row.get("tools"), row.name("tools"))
    return {"tools": found} if found else {}


def tool_list(value: Any, where: str) -> list[dict[str, Any]]:
    """Function schemas: a list, or its JSON as a text."""
    if value is None:
        return []
    if isinstance(value, str):
        value = value_of(value) if value.strip() else []
    if not isinstance(value, list):
        raise BadRow(f"column '{where}' must be a list of functions")
    return [_tool(item, f"{where}[{index}]") for index, item in enumerate(value)]


def _tool(item: Any, where: str) -> dict[str, Any]:
    function = item.get(FUNCTION) if isinstance(item, dict) and FUNCTION in item else item
    if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
        raise BadRow(f"{where} must be a function with a name")
    if item.get("type") not in (FUNCTION, None):
        raise BadRow(f"{where}.type must be function")
    _check_numbers(function, where)
    if function is item:
        function = {key: value for key, value in item.items() if key != "type"}
    return {"type": FUNCTION, FUNCTION: function}


def tool_calls(value: Any, where: str) -> list[dict[str, Any]]:
    """An assistant's calls; none is no call."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadRow(f"{where} must be a list of calls")
    return [_call(item, f"{where}[{index}]") for index, item in enumerate(value)]


def _call(item: Any, where: str) -> dict[str, Any]:
    function = item.get(FUNCTION, item) if isinstance(item, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
        raise BadRow(f"{where} must be a call of a function, with its name and arguments")
    if item.get("type") not in (FUNCTION, None):
        raise BadRow(f"{where}.type must be function")
    call: dict[str, Any] = {
        "type": FUNCTION,
        FUNCTION: {"name": function["name"], "arguments": _arguments(function.get("arguments"), where)},
    }
    if (name := item.get("id")) is not None:
        if not isinstance(name, str) or not name:
            raise BadRow(f"{where}.id must be a text that is not empty")
        call["id"] = name
    return call


def _arguments(value: Any, where: str) -> dict[str, Any]:
    if value is None or value == "":
        return {}
    arguments = value_of(value) if isinstance(value, str) else value
    if not isinstance(arguments, dict):
        raise BadRow(f"{where}.arguments must be a JSON object")
    _check_numbers(arguments, f"{where}.arguments")
    return arguments


def value_of(text: str) -> Any:
    """The JSON value in a text; None where there is none. Inside an object, so that all values are read by the rules of rows."""
    found = parsed(f'{{"value": {text}}}'.encode())
    return found["value"] if isinstance(found, dict) and found.keys() == {"value"} else None


def _check_numbers(value: Any, where: str) -> None:
    """Whole numbers of more than 64 bits come as fractions that are not quite the same."""
    if isinstance(value, float) and abs(value) > LARGEST_EXACT:
        raise BadRow(f"{where} holds a number that is too large to be kept exactly; write it as a text")
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _check_numbers(item, where)
