"""Every text of a record wherever it stands: messages, tool calls, tools, reference answers. For what must be found, or mended, everywhere."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tunewright_trainer.prepare.records import Example, Message, Record
from tunewright_trainer.prepare.split import key_of

NAMES = frozenset({"role", "type", "id", "tool_call_id"})
"""Keys whose values are names of a protocol, not anybody's words."""

Change = Callable[[str], tuple[str, int]]
"""A text, as it is to be, and how many places were mended."""


def strings(record: Record) -> Iterator[tuple[str, str]]:
    """(field, text) of each text, once: the last example of a conversation holds what those before it hold."""
    last = record.examples[-1]
    for index, message in enumerate(last.prompt):
        yield from _of_message(message, f"prompt[{index}]")
    for name, messages in last.answers.items():
        for message in messages:
            yield from _of_message(message, name)
    for name, value in last.extra.items():
        yield from _nested(value, name)


def with_strings(record: Record, change: Change) -> tuple[Record, int]:
    """The record with each of its texts changed, and how many places were. A record without such places is returned itself."""
    changed: dict[str, str] = {}
    places = 0
    for _, text in strings(record):
        new, count = change(text)
        if count:
            changed[text] = new
            places += count
    if not places:
        return record, 0
    examples = tuple(_mended(example, changed) for example in record.examples)
    return replace(record, examples=examples, key=_key(record, examples[-1])), places


def _key(record: Record, mended: Example) -> int:
    """The hash of the mended prompt, so that rows which have become equal are seen to be; where the key was that of another part of the row, it stays."""
    if record.key != key_of(_asked(record.examples[-1])):
        return record.key
    return key_of(_asked(mended))


def _asked(example: Example) -> list[Message]:
    """What the key is made of: the prompt, or a text that has none."""
    return example.prompt or example.answers.get("text", [])


def _of_message(message: dict[str, Any], field: str) -> Iterator[tuple[str, str]]:
    for key, value in message.items():
        if key == "content" and isinstance(value, str):
            yield field, value
        elif key not in NAMES:
            yield from _nested(value, f"{field}.{key}")


def _nested(value: Any, field: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in NAMES:
                yield from _nested(item, f"{field}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nested(item, f"{field}[{index}]")


def _mended(example: Example, changed: dict[str, str]) -> Example:
    return Example(
        prompt=_replaced(example.prompt, changed),
        answers=_replaced(example.answers, changed),
        extra=_replaced(example.extra, changed),
    )


def _replaced(value: Any, changed: dict[str, str]) -> Any:
    if isinstance(value, str):
        return changed.get(value, value)
    if isinstance(value, dict):
        return {key: item if key in NAMES else _replaced(item, changed) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, changed) for item in value]
    return value
