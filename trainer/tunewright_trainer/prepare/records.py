"""What rows are on their way through the gate: raw, refused, or canonical."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Message = dict[str, Any]
"""role and content; from an assistant also tool_calls, from a tool also tool_call_id and name."""


class BadRow(ValueError):
    """The row does not have the shape of its format; the text says where and what was expected, and quotes nothing of the row."""


@dataclass(frozen=True)
class RawRow:
    """A row as it stands in its object, not yet understood."""

    line: int
    """Line of a JSONL object, row of a Parquet one; from 1."""
    value: dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """Why a row cannot be used. Never quotes the row itself: rows may hold personal data, and this ends up in status."""

    line: int
    reason: str


@dataclass(frozen=True)
class Example:
    """One thing to learn, as recipes take it. `answers` holds completion, or chosen and rejected, or text."""

    prompt: list[Message]
    answers: dict[str, list[Message]]
    extra: dict[str, Any]
    """What else a method needs: tools, label, answer. Absent keys are left out."""

    def to_json(self, row_id: str) -> dict[str, Any]:
        """The example as it is stored."""
        return {"id": row_id, "prompt": self.prompt, **self.answers, **self.extra}


@dataclass(frozen=True)
class Rendered:
    """A record as the model will see it, in tokens of its own chat template."""

    tokens: int
    """All examples together, each with its prompt and longest answer: what an epoch costs."""
    longest: int
    """The longest example: what must fit into the context."""
    learned: int
    """Tokens of the answers that are learned from."""
    problem: str = ""
    """Why nothing would be learned, or not where to stop; empty when all is well."""
    prompt: int = 0
    """The longest prompt: what a method has to fit into the context beside an answer of its own."""


@dataclass(frozen=True)
class Record:
    """One row of a source with all there is to learn from it: a conversation has an example for each answer that is learned."""

    line: int
    key: int
    """64-bit hash of the normalised prompt; the split is a function of it."""
    examples: tuple[Example, ...]
    category: str = ""
    synthetic: bool = False
    rendered: Rendered | None = None
    """Set by the engine before checks scan; absent without a tokenizer."""

    def texts(self) -> Iterator[tuple[str, str]]:
        """(field, text) of each message, once: fields are named as in the canonical row, say prompt[0] or completion."""
        last = self.examples[-1]
        for index, message in enumerate(last.prompt):
            yield f"prompt[{index}]", str(message.get("content") or "")
        for name, messages in last.answers.items():
            for message in messages:
                yield name, str(message.get("content") or "")

    @property
    def prompt_text(self) -> str:
        """What the users and tools of the whole conversation have said, without the system message."""
        return "\n".join(
            str(message.get("content") or "") for message in self.examples[-1].prompt if message["role"] != "system"
        )

    @property
    def answer_text(self) -> str:
        """The (last, or better) answer."""
        answers = self.examples[-1].answers
        messages = answers.get("completion") or answers.get("chosen") or next(iter(answers.values()), [])
        return "\n".join(str(message.get("content") or "") for message in messages)


def hash64(text: str) -> int:
    """A hash that is the same on every machine and in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
