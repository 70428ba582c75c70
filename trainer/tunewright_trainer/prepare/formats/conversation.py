"""Lists of messages: what a message may hold, and who may speak when."""

from collections.abc import Mapping
from typing import Any

from tunewright_trainer.prepare.formats.tools import tool_calls
from tunewright_trainer.prepare.reading.parsing import printable
from tunewright_trainer.prepare.records import BadRow, Example, Message

ROLES = ("system", "user", "assistant", "tool")
KEYS = {
    "system": frozenset({"role", "content", "name"}),
    "user": frozenset({"role", "content", "name"}),
    "assistant": frozenset({"role", "content", "name", "weight", "tool_calls"}),
    "tool": frozenset({"role", "content", "name", "tool_call_id"}),
}
WEIGHT = "weight"


def conversation(value: Any, where: str) -> list[Message]:
    """A checked conversation in canonical form; an assistant's message of weight 0 still says so."""
    if not isinstance(value, list) or not value:
        raise BadRow(f"column '{where}' must be a list of messages with role and content")
    messages = [message(item, f"{where}[{index}]") for index, item in enumerate(value)]
    check_order(messages, where)
    return messages


def message(item: Any, where: str) -> Message:
    """One message in canonical form. A key without a value says nothing, and is left out."""
    if not isinstance(item, dict):
        raise BadRow(f"{where} must be an object with role and content")
    role = "system" if item.get("role") == "developer" else item.get("role")
    if role not in ROLES:
        raise BadRow(f"{where}.role must be one of {', '.join(ROLES)}")
    for key, given in item.items():
        if key not in KEYS[role] and given is not None:
            raise BadRow(
                f"{where}.{printable(key)} is unknown; {_article(role)} message has {', '.join(sorted(KEYS[role]))}"
            )
    calls = tool_calls(item.get("tool_calls"), f"{where}.tool_calls") if role == "assistant" else []
    found: Message = {
        "role": role,
        "content": _content(item.get("content"), where, may_be_empty=role == "tool" or bool(calls)),
    }
    if calls:
        found["tool_calls"] = calls
    for key in ("name", "tool_call_id"):
        if (given := item.get(key)) is not None:
            found[key] = _name(given, f"{where}.{key}")
    if (weight := item.get(WEIGHT)) is not None:
        if isinstance(weight, bool) or weight not in (0, 1):
            raise BadRow(f"{where}.weight must be 0 or 1")
        if weight == 0:
            found[WEIGHT] = 0
    return found


def _article(role: str) -> str:
    return f"an {role}" if role == "assistant" else f"a {role}"


def _name(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise BadRow(f"{where} must be a text that is not empty")
    return value


def _content(value: Any, where: str, *, may_be_empty: bool) -> str:
    """A text, or parts of type text put together; no text at all only beside tool calls and in a tool's answer."""
    if isinstance(value, list):
        value = "".join(_part(part, f"{where}.content[{index}]") for index, part in enumerate(value))
    if value is None and may_be_empty:
        return ""
    if not isinstance(value, str) or not (may_be_empty or value.strip()):
        raise BadRow(f"{where}.content must be a text that is not empty")
    return value


def _part(part: Any, where: str) -> str:
    if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
        raise BadRow(f"{where} must be of type text, with its text; images and sounds cannot be learned from")
    return str(part["text"])


def check_order(messages: list[Message], where: str) -> None:
    """A system message first, if any; then user and assistant in turns, with each tool call answered before the assistant goes on."""
    waiting: list[str | None] = []
    previous = "assistant"
    for index, item in enumerate(messages):
        role = item["role"]
        if role == "system" and index:
            raise BadRow(f"{where}: a system message can only be the first")
        if role == "tool":
            _answer_call(item, waiting, f"{where}[{index}]")
        elif waiting:
            raise BadRow(
                f"{where}[{index}]: first, each tool call of the message before needs its answer, a tool message"
            )
        elif role == "assistant":
            if previous not in ("user", "tool"):
                raise BadRow(f"{where}: user and assistant must take turns, beginning with user")
            waiting = [call.get("id") for call in item.get("tool_calls", ())]
        elif role == "user" and previous != "assistant":
            raise BadRow(f"{where}: user and assistant must take turns, beginning with user")
        previous = "assistant" if role == "system" else role


def _answer_call(item: Message, waiting: list[str | None], where: str) -> None:
    if not waiting:
        raise BadRow(f"{where}: a tool message can only follow an assistant's message with tool_calls")
    name = item.get("tool_call_id")
    if name in waiting:
        waiting.remove(name)
    elif name is None or None in waiting:
        waiting.pop(0)
    else:
        raise BadRow(f"{where}.tool_call_id is not the id of a tool call that waits for its answer")


def prompt_of(value: Any, where: str) -> list[Message]:
    """What is asked: a text, or a conversation that waits for an answer."""
    if isinstance(value, str):
        if not value.strip():
            raise BadRow(f"column '{where}' is empty")
        return [{"role": "user", "content": value}]
    messages = plain(conversation(value, where))
    if messages[-1]["role"] not in ("user", "tool"):
        raise BadRow(f"{where}: the last message must be the user's")
    return messages


def answer_of(value: Any, where: str) -> list[Message]:
    """What is answered: a text, or one assistant's message."""
    if isinstance(value, list):
        if len(value) != 1:
            raise BadRow(f"column '{where}' must hold one assistant message")
        found = message(value[0], f"{where}[0]")
        if found["role"] != "assistant":
            raise BadRow(f"{where}[0].role must be assistant")
        return plain([found])
    if not isinstance(value, str):
        raise BadRow(f"column '{where}' must be a text")
    if not value.strip():
        raise BadRow(f"column '{where}' is empty")
    return [{"role": "assistant", "content": value}]


def plain(messages: list[Message]) -> list[Message]:
    """Without weights: they say what is learned, and are no part of what is said."""
    return [
        {key: given for key, given in item.items() if key != WEIGHT} if WEIGHT in item else item for item in messages
    ]


def turns_to_learn(messages: list[Message], where: str, extra: Mapping[str, Any]) -> tuple[Example, ...]:
    """An example for each turn of the assistant whose weight is not 0."""
    if messages[-1]["role"] != "assistant":
        raise BadRow(f"{where}: the last message must be the assistant's, for it is what is learned")
    said = plain(messages)
    examples = tuple(
        Example(said[:index], {"completion": [said[index]]}, dict(extra))
        for index, item in enumerate(messages)
        if item["role"] == "assistant" and item.get(WEIGHT) != 0
    )
    if not examples:
        raise BadRow(f"{where}: every assistant's message has weight 0: nothing would be learned")
    return examples
