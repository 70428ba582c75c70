"""Preference: which of two answers is better. {"prompt": "…", "chosen": "…", "rejected": "…"}; or chosen and rejected as whole
conversations that differ in their last message; or OpenAI's {"input", "preferred_output", "non_preferred_output"}."""

from typing import Any

from tunewright_api.datasets import DatasetFormat
from tunewright_trainer.prepare.formats.base import Converted, Format, Row
from tunewright_trainer.prepare.formats.conversation import answer_of, conversation, plain, prompt_of
from tunewright_trainer.prepare.formats.tools import tool_list, tools_of
from tunewright_trainer.prepare.reading.parsing import printable
from tunewright_trainer.prepare.records import BadRow, Example, Message

OPENAI = ("input", "preferred_output", "non_preferred_output")
OPENAI_INPUT = frozenset({"messages", "tools", "parallel_tool_calls"})
Messages = list[Message]


def _convert(row: Row) -> Converted:
    extra = tools_of(row)
    if row.get("preferred_output") is not None or row.get("non_preferred_output") is not None:
        prompt, chosen, rejected = _openai(row, extra)
    elif row.get("prompt") is None or _is_conversation(row.get("chosen")):
        prompt, chosen, rejected = _conversations(row)
    else:
        prompt = prompt_of(row.get("prompt"), row.name("prompt"))
        chosen, rejected = (answer_of(row.get(column), row.name(column)) for column in ("chosen", "rejected"))
    if chosen == rejected:
        raise BadRow("chosen and rejected are the same: nothing can be learned from the pair")
    return Converted((Example(prompt, {"chosen": chosen, "rejected": rejected}, extra),), prompt)


def _is_conversation(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 1


def _conversations(row: Row) -> tuple[Messages, Messages, Messages]:
    """Both answers with the conversation before them; a prompt beside them must be its end."""
    chosen, rejected = (_whole(row, column) for column in ("chosen", "rejected"))
    if chosen[:-1] != rejected[:-1]:
        raise BadRow("chosen and rejected must have all messages but the last in common")
    shared, given = chosen[:-1], row.get("prompt")
    if given is not None and prompt_of(given, row.name("prompt"))[-1] != shared[-1]:
        raise BadRow(f"column '{row.name('prompt')}' is not what chosen and rejected answer")
    return shared, chosen[-1:], rejected[-1:]


def _whole(row: Row, column: str) -> Messages:
    value, where = row.get(column), row.name(column)
    if not isinstance(value, list):
        raise BadRow(f"column '{where}' must be a list of messages, or the row needs a column '{row.name('prompt')}'")
    messages = plain(conversation(value, where))
    if messages[-1]["role"] != "assistant":
        raise BadRow(f"{where}: the last message must be the assistant's, for it is what is compared")
    return messages


def _openai(row: Row, extra: dict[str, Any]) -> tuple[Messages, Messages, Messages]:
    asked = row.get("input")
    where = row.name("input")
    if not isinstance(asked, dict):
        raise BadRow(f"column '{where}' must be an object with messages")
    unknown = [key for key in asked if key not in OPENAI_INPUT]
    if unknown:
        raise BadRow(f"{where}.{printable(unknown[0])} is unknown; input has messages, tools, parallel_tool_calls")
    tools = tool_list(asked.get("tools"), f"{where}.tools")
    if tools:
        extra["tools"] = tools
    prompt = prompt_of(asked.get("messages"), f"{where}.messages")
    better, worse = (answer_of(row.get(column), row.name(column)) for column in OPENAI[1:])
    return prompt, better, worse


FORMAT = Format(
    DatasetFormat.PREFERENCE, (("prompt", "chosen", "rejected"), ("chosen", "rejected"), OPENAI), ("tools",), _convert
)
