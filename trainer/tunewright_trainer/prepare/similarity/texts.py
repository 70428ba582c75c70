"""Which texts of a record are compared, and the digests by which rows are exactly alike.

Differences of case and of white space do not make two texts of one, as in the split. Tool calls belong to the text of their message."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from tunewright_trainer.prepare.records import Message, Record, hash64

_LABELS = ("label", "answer")
"""What stands beside the answers and is learned from: the label of Unpaired rows, the reference answer of PromptOnly ones."""


def prompt_text(record: Record) -> str:
    """Everything before the last answer, without the system message."""
    return _joined(message for message in record.examples[-1].prompt if message["role"] != "system")


def answers(record: Record) -> dict[str, str]:
    """The last answers by name: completion, chosen and rejected, text, or the reference answer."""
    example = record.examples[-1]
    found = {name: _joined(messages) for name, messages in example.answers.items()}
    if not found and example.extra.get("answer") is not None:
        found["answer"] = _plain(example.extra["answer"])
    return found


def answer_text(record: Record) -> str:
    """All answers, one after the other."""
    return "\n".join(answers(record).values())


def best_answer(record: Record) -> str:
    """The answer that is to be learned: not the rejected one."""
    return next((text for name, text in answers(record).items() if name != "rejected"), "")


def whole_text(record: Record) -> str:
    """Prompt and answers."""
    return f"{prompt_text(record)}\n{answer_text(record)}"


def prompt_digest(record: Record) -> int:
    """Equal for equal conversations before the last answer, system message and tools included: another persona may well answer otherwise."""
    example = record.examples[-1]
    system = _joined(message for message in example.prompt if message["role"] == "system")
    tools = example.extra.get("tools")
    return _digest([prompt_text(record), system, "" if tools is None else _plain(tools)])


def answer_digest(record: Record) -> int:
    """Equal for equal answers, by name, and equal labels."""
    parts = [part for name, text in answers(record).items() for part in (name, text)]
    extra = record.examples[-1].extra
    return _digest([*parts, *(f"{name}={_plain(extra[name])}" for name in _LABELS if name in extra)])


def digest(text: str) -> int:
    """Of one text."""
    return _digest([text])


def _digest(texts: Sequence[str]) -> int:
    return hash64("\x00".join(" ".join(text.casefold().split()) for text in texts))


def _joined(messages: Iterable[Message]) -> str:
    return "\n".join(_message_text(message) for message in messages)


def _message_text(message: Message) -> str:
    content = str(message.get("content") or "")
    calls = message.get("tool_calls")
    return f"{content} {_plain(calls)}" if calls else content


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
