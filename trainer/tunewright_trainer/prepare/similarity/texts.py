"""Which texts of a record are compared. Tool calls belong to the text of their message."""

import json
from collections.abc import Iterable
from typing import Any

from tunewright_trainer.prepare.records import Message, Record, hash64
from tunewright_trainer.prepare.unseen import comparable

_BETWEEN = "\n\N{SYMBOL FOR RECORD SEPARATOR}\n"
"""A word that stands between two answers, so that the end of one is not taken for the beginning of the other."""


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
    return _BETWEEN.join(answers(record).values())


def best_answer(record: Record) -> str:
    """The answer that is to be learned: not the rejected one."""
    return next((text for name, text in answers(record).items() if name != "rejected"), "")


def whole_text(record: Record) -> str:
    """Prompt and answers."""
    return f"{prompt_text(record)}\n{answer_text(record)}"


def prompt_surroundings(record: Record) -> int:
    """A hash of what else makes a prompt another one: the system message and the tools; 0 without them. Another persona may well answer otherwise."""
    example = record.examples[-1]
    system = _joined(message for message in example.prompt if message["role"] == "system")
    tools = example.extra.get("tools")
    if not system and not tools:
        return 0
    return hash64(f"{' '.join(comparable(system).casefold().split())}\n{comparable(_plain(tools))}")


def answer_surroundings(record: Record) -> int:
    """A hash of what else makes an answer another one: its label; 0 without."""
    label = record.examples[-1].extra.get("label")
    return 0 if label is None else hash64(f"label {label}")


def _joined(messages: Iterable[Message]) -> str:
    return "\n".join(_message_text(message) for message in messages)


def _message_text(message: Message) -> str:
    content = str(message.get("content") or "")
    calls = message.get("tool_calls")
    return f"{content} {_plain(calls)}" if calls else content


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
