"""ShareGPT: {"conversations": [{"from": "human", "value": "…"}, {"from": "gpt", "value": "…"}]}."""

from typing import Any

from tunewright_api.datasets import DatasetFormat
from tunewright_trainer.prepare.formats.base import Converted, Format, Row
from tunewright_trainer.prepare.formats.conversation import check_order, message, plain, turns_to_learn
from tunewright_trainer.prepare.formats.tools import tools_of, value_of
from tunewright_trainer.prepare.reading.parsing import printable
from tunewright_trainer.prepare.records import BadRow, Message

SPEAKERS = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "function_call": "assistant",
    "observation": "tool",
    "tool": "tool",
}
KEYS = frozenset({"from", "value", "weight"})


def _convert(row: Row) -> Converted:
    where, value = row.name("conversations"), row.get("conversations")
    if not isinstance(value, list) or not value:
        raise BadRow(f"column '{where}' must be a list of turns with from and value")
    messages = [_turn(item, f"{where}[{index}]") for index, item in enumerate(value)]
    system = row.get("system")
    if system is not None and not isinstance(system, str):
        raise BadRow(f"column '{row.name('system')}' must be a text")
    if system and system.strip():
        messages.insert(0, {"role": "system", "content": system})
    check_order(messages, where)
    return Converted(turns_to_learn(messages, where, tools_of(row)), plain(messages)[:-1])


def _turn(item: Any, where: str) -> Message:
    if not isinstance(item, dict):
        raise BadRow(f"{where} must be an object with from and value")
    unknown = [key for key, given in item.items() if key not in KEYS and given is not None]
    if unknown:
        raise BadRow(f"{where}.{printable(unknown[0])} is unknown; a turn has from, value, weight")
    speaker, value = item.get("from"), item.get("value")
    role = SPEAKERS.get(speaker) if isinstance(speaker, str) else None
    if role is None:
        raise BadRow(f"{where}.from must be one of {', '.join(SPEAKERS)}")
    if not isinstance(value, str) or not (value.strip() or role == "tool"):
        raise BadRow(f"{where}.value must be a text that is not empty")
    content = {"tool_calls": _calls(value, f"{where}.value")} if speaker == "function_call" else {"content": value}
    weight = {"weight": item["weight"]} if item.get("weight") is not None else {}
    return message({"role": role, **content, **weight}, where)


def _calls(text: str, where: str) -> list[Any]:
    """One call or a list of them, as JSON in a text."""
    calls = value_of(text)
    calls = [calls] if isinstance(calls, dict) else calls
    if not isinstance(calls, list) or not calls:
        raise BadRow(f"{where} must be the JSON of a call, with name and arguments")
    return calls


FORMAT = Format(DatasetFormat.SHARE_GPT, (("conversations",),), ("system", "tools"), _convert)
