"""Rows for the checks that compare rows: prose of the standard library's documentation, and a gate as small as can be."""

import pydoc_data.topics
import random
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from dirty.context import job
from tunewright_api.data import CheckName
from tunewright_trainer.prepare.checks import make_check
from tunewright_trainer.prepare.checks.base import Check, CheckContext, Conclusion
from tunewright_trainer.prepare.corpus import Corpus, Kept, encode
from tunewright_trainer.prepare.records import Example, Message, Record
from tunewright_trainer.prepare.split import Part, key_of


@dataclass(frozen=True)
class Row:
    """A row as tests write it."""

    prompt: str
    answers: Mapping[str, str]
    extra: Mapping[str, Any] = field(default_factory=dict)
    system: str = ""
    category: str = ""
    part: Part = Part.TRAIN
    stage: int = 0
    copies: int = 1
    left_out: bool = False
    """A Fix that has concluded before leaves it out."""

    @property
    def messages(self) -> list[Message]:
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, {"role": "user", "content": self.prompt}] if self.prompt else system

    def record(self, line: int) -> Record:
        answers = {name: [{"role": "assistant", "content": text}] for name, text in self.answers.items()}
        example = Example(self.messages, answers, dict(self.extra))
        return Record(line, key_of(self.messages), (example,), self.category)


def ask(prompt: str, completion: str, **others: Any) -> Row:
    """A prompt and its completion."""
    return Row(prompt, {"completion": completion}, **others)


def pair(prompt: str, chosen: str, rejected: str, **others: Any) -> Row:
    """A preference pair."""
    return Row(prompt, {"chosen": chosen, "rejected": rejected}, **others)


def corpus_of(rows: Sequence[Row], folder: Path) -> Corpus:
    """The rows as the engine keeps them."""
    stages = tuple(f"stage{index}" for index in range(max((row.stage for row in rows), default=0) + 1))
    corpus = Corpus(folder / "records.jsonl", stages, ["rows.jsonl"])
    for line, row in enumerate(rows, start=1):
        record = row.record(line)
        kept = Kept(
            line=line,
            key=record.key,
            part=row.part,
            tokens=0,
            copies=row.copies,
            prompt_characters=len(record.prompt_text),
            answer_characters=len(record.answer_text),
            category=row.category,
            content=encode(record),
        )
        corpus.append(kept, row.stage, 0)
    corpus.leave_out([number for number, row in enumerate(rows) if row.left_out])
    return corpus


def conclude(check: Check, rows: Sequence[Row], folder: Path, batch: int = 100) -> Conclusion:
    """What a check says of rows, scanned in batches of this size."""
    records = [row.record(line) for line, row in enumerate(rows, start=1)]
    for first in range(0, len(records), batch):
        check.absorb(check.scan(records[first : first + batch]), first)
    corpus = corpus_of(rows, folder)
    scratch = folder / "scratch"
    scratch.mkdir()
    try:
        return check.conclude(corpus, scratch)
    finally:
        corpus.close()


def verdict(name: CheckName, rows: Sequence[Row], folder: Path) -> Conclusion:
    """What the check of that name says of rows, with what it puts aside on disk and in batches that cut through groups."""
    return conclude(make_check(name, CheckContext(job(), spill=folder)), rows, folder, batch=3)


@lru_cache(maxsize=1)
def vocabulary() -> tuple[str, ...]:
    """All words of Python's help topics, in their order: 100,000 words of real prose."""
    texts = [pydoc_data.topics.topics[name] for name in sorted(pydoc_data.topics.topics)]
    return tuple(word for word in " ".join(texts).split() if word.strip(string.punctuation))


def passage(draw: random.Random, words: int) -> str:
    """Words of real prose as they follow each other, at a random place."""
    every = vocabulary()
    start = draw.randrange(len(every) - words)
    return " ".join(every[start : start + words])


def shuffled(draw: random.Random, words: int) -> str:
    """Words with the frequencies of real prose and no phrase of it: two such texts share next to nothing."""
    return " ".join(draw.choices(vocabulary(), k=words))


def clean(count: int, seed: int, words: int = 60) -> list[Row]:
    """Questions and answers without anything to find."""
    draw = random.Random(seed)
    return [ask(shuffled(draw, words // 2), shuffled(draw, words - words // 2)) for _ in range(count)]


def reworded(draw: random.Random, text: str, changes: int) -> str:
    """The text with that many of its words replaced."""
    words = text.split()
    for place in draw.sample(range(len(words)), min(changes, len(words))):
        words[place] = "".join(draw.choices(string.ascii_lowercase, k=9))
    return " ".join(words)
