"""Every text of a record wherever it stands: messages, tool calls, tools, reference answers. For what must be found, or mended, everywhere."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from tunewright_trainer.prepare.records import Example, Message, Record
from tunewright_trainer.prepare.split import key_of

OF_MESSAGE = frozenset({"role", "tool_call_id", "weight"})
OF_CALL = frozenset({"id", "type"})
"""Keys of a message and of a tool call whose values are names of a protocol; below them, and everywhere else, all is somebody's words."""
SHORTEST_NUMBER = 12
"""Digits of a bare number that can be somebody's: a card's. Shorter ones are told from others by what stands beside them."""

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
        elif key == "tool_calls" and isinstance(value, list):
            for index, call in enumerate(value):
                words = {name: item for name, item in call.items() if name not in OF_CALL}
                yield from _nested(words, f"{field}.{key}[{index}]", keys=False)
        elif key not in OF_MESSAGE:
            yield from _nested(value, f"{field}.{key}")


def _nested(value: Any, field: str, *, keys: bool = True) -> Iterator[tuple[str, str]]:
    """All texts below; with `keys`, those that stand before the values too, which are somebody's words in arguments."""
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, dict):
        for key, item in value.items():
            if keys:
                yield field, key
            yield from _nested(item, f"{field}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nested(item, f"{field}[{index}]")
    elif isinstance(value, int) and len(number := str(value)) >= SHORTEST_NUMBER:
        yield field, number


def _mended(example: Example, changed: dict[str, str]) -> Example:
    return Example(
        prompt=[_mended_message(message, changed) for message in example.prompt],
        answers={
            name: [_mended_message(message, changed) for message in messages]
            for name, messages in example.answers.items()
        },
        extra={name: _replaced(value, changed) for name, value in example.extra.items()},
    )


def _mended_message(message: Message, changed: dict[str, str]) -> Message:
    return {key: _mended_field(key, value, changed) for key, value in message.items()}


def _mended_field(key: str, value: Any, changed: dict[str, str]) -> Any:
    if key in OF_MESSAGE:
        return value
    if key != "tool_calls" or not isinstance(value, list):
        return _replaced(value, changed)
    return [
        {name: item if name in OF_CALL else _replaced(item, changed) for name, item in call.items()} for call in value
    ]


def _replaced(value: Any, changed: dict[str, str]) -> Any:
    if isinstance(value, str):
        return changed.get(value, value)
    if isinstance(value, dict):
        return _with_keys((str(changed.get(key, key)), _replaced(item, changed)) for key, item in value.items())
    if isinstance(value, list):
        return [_replaced(item, changed) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return changed.get(str(value), value)
    return value


def _with_keys(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Keys that have become equal are told apart by a number: no value is lost."""
    made: dict[str, Any] = {}
    for key, value in pairs:
        number, name = 1, key
        while name in made:
            number, name = number + 1, f"{key} {number + 1}"
        made[name] = value
    return made
