"""The shapes of rows that are understood, and the one shape that every recipe gets: lists of messages."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from tunewright_api.stages import DatasetFormat, Method

ROLES = ("system", "user", "assistant")
Message = dict[str, str]


class BadRow(ValueError):
    """The row does not have the shape of its format; the text says where and what was expected."""


@dataclass(frozen=True)
class CanonicalRow:
    """A row as recipes take it. `answers` holds completion, or chosen and rejected."""

    id: str
    prompt: list[Message]
    answers: dict[str, list[Message]]

    def to_json(self) -> dict[str, Any]:
        """The row as it is stored."""
        return {"id": self.id, "prompt": self.prompt, **self.answers}


@dataclass(frozen=True)
class _Format:
    required: tuple[str, ...]
    optional: tuple[str, ...]
    convert: Callable[[Mapping[str, Any]], tuple[list[Message], dict[str, list[Message]]]]


def _text(row: Mapping[str, Any], column: str) -> str:
    value = row[column]
    if not isinstance(value, str):
        raise BadRow(f"column '{column}' must be a text")
    if not value.strip():
        raise BadRow(f"column '{column}' is empty")
    return value


def _messages(value: Any, column: str) -> list[Message]:
    if not isinstance(value, list) or not value:
        raise BadRow(f"column '{column}' must be a list of messages with role and content")
    messages = [_message(item, f"{column}[{index}]") for index, item in enumerate(value)]
    _check_order(messages, column)
    return messages


def _message(item: Any, where: str) -> Message:
    if not isinstance(item, dict) or set(item) - {"role", "content"}:
        raise BadRow(f"{where} must be an object with role and content and nothing else")
    role, content = item.get("role"), item.get("content")
    if role not in ROLES:
        raise BadRow(f"{where}.role must be one of {', '.join(ROLES)}")
    if not isinstance(content, str) or not content.strip():
        raise BadRow(f"{where}.content must be a text that is not empty")
    return {"role": str(role), "content": content}


def _check_order(messages: list[Message], column: str) -> None:
    turns = [message["role"] for message in messages]
    if "system" in turns[1:]:
        raise BadRow(f"{column}: a system message can only be the first")
    turns = turns[1:] if turns[0] == "system" else turns
    for index, role in enumerate(turns):
        if role != ("user", "assistant")[index % 2]:
            raise BadRow(f"{column}: user and assistant must take turns, beginning with user")


def _conversation(row: Mapping[str, Any]) -> tuple[list[Message], dict[str, list[Message]]]:
    messages = _messages(row["messages"], "messages")
    if messages[-1]["role"] != "assistant":
        raise BadRow("messages: the last message must be the assistant's, for it is what is learned")
    return messages[:-1], {"completion": messages[-1:]}


def _prompt(row: Mapping[str, Any]) -> list[Message]:
    value = row["prompt"]
    if isinstance(value, str):
        return [{"role": "user", "content": _text(row, "prompt")}]
    messages = _messages(value, "prompt")
    if messages[-1]["role"] != "user":
        raise BadRow("prompt: the last message must be the user's")
    return messages


def _answer(row: Mapping[str, Any], column: str) -> list[Message]:
    value = row[column]
    if isinstance(value, list):
        if len(value) != 1:
            raise BadRow(f"column '{column}' must hold one assistant message")
        message = _message(value[0], f"{column}[0]")
        if message["role"] != "assistant":
            raise BadRow(f"{column}[0].role must be assistant")
        return [message]
    return [{"role": "assistant", "content": _text(row, column)}]


def _prompt_completion(row: Mapping[str, Any]) -> tuple[list[Message], dict[str, list[Message]]]:
    return _prompt(row), {"completion": _answer(row, "completion")}


def _instruction(row: Mapping[str, Any]) -> tuple[list[Message], dict[str, list[Message]]]:
    extra = row.get("input")
    if extra is not None and not isinstance(extra, str):
        raise BadRow("column 'input' must be a text")
    question = _text(row, "instruction") + (f"\n\n{extra}" if extra and extra.strip() else "")
    return [{"role": "user", "content": question}], {"completion": _answer(row, "output")}


def _preference(row: Mapping[str, Any]) -> tuple[list[Message], dict[str, list[Message]]]:
    chosen, rejected = _answer(row, "chosen"), _answer(row, "rejected")
    if chosen == rejected:
        raise BadRow("chosen and rejected are the same: nothing can be learned from the pair")
    return _prompt(row), {"chosen": chosen, "rejected": rejected}


FORMATS: dict[DatasetFormat, _Format] = {
    DatasetFormat.MESSAGES: _Format(("messages",), (), _conversation),
    DatasetFormat.PROMPT_COMPLETION: _Format(("prompt", "completion"), (), _prompt_completion),
    DatasetFormat.INSTRUCTION: _Format(("instruction", "output"), ("input",), _instruction),
    DatasetFormat.PREFERENCE: _Format(("prompt", "chosen", "rejected"), (), _preference),
}
METHOD_FORMATS: dict[Method, tuple[DatasetFormat, ...]] = {
    Method.SFT: (DatasetFormat.MESSAGES, DatasetFormat.PROMPT_COMPLETION, DatasetFormat.INSTRUCTION),
    Method.DPO: (DatasetFormat.PREFERENCE,),
}


def recognise(columns: Iterable[str], method: Method) -> DatasetFormat:
    """The format whose columns the first row has. Raises BadRow when there is none that the method can use."""
    found = sorted(set(columns))
    name = _complete_format(found)
    if name is None:
        listed = ", ".join(column[:40] for column in found[:8]) or "none"
        raise BadRow(f"has the columns {listed}; method {method} reads {_wanted(method)}")
    if name not in METHOD_FORMATS[method]:
        raise BadRow(f"these are {name} rows; method {method} reads {_wanted(method)}")
    return name


def _wanted(method: Method) -> str:
    return " or ".join("{" + ", ".join(FORMATS[name].required) + "}" for name in METHOD_FORMATS[method])


def _complete_format(columns: Iterable[str]) -> DatasetFormat | None:
    found = set(columns)
    return next((name for name, shape in FORMATS.items() if set(shape.required) <= found), None)


def convert(row: Mapping[str, Any], name: DatasetFormat, row_id: str) -> CanonicalRow:
    """The canonical form of one row. Raises BadRow with the column and what was expected of it."""
    shape = FORMATS[name]
    known = (*shape.required, *shape.optional)
    if not set(shape.required) <= set(row) and (other := _complete_format(row)):
        raise BadRow(f"is a {other} row among {name} rows; one file holds rows of one format")
    for column in shape.required:
        if column not in row:
            near = get_close_matches(column, row, n=1, cutoff=0.6)
            raise BadRow(f"column '{column}' is missing" + (f"; is '{near[0]}' meant?" if near else ""))
    unknown = sorted(set(row) - set(known))
    if unknown:
        raise BadRow(f"column '{unknown[0][:40]}' is unknown; {name} rows have {', '.join(known)}")
    prompt, answers = shape.convert(row)
    return CanonicalRow(row_id, prompt, answers)
