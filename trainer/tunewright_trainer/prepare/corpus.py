"""What is known of every kept record, a column each, and the records themselves on scratch. Some 50 bytes of memory a record."""

import json
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from tunewright_trainer.prepare.records import Example, Record
from tunewright_trainer.prepare.split import PARTS, Part
from tunewright_trainer.shell.folders import canonical_json

MOST_CATEGORIES = 1000
OTHER_CATEGORY = "(other)"


@dataclass(frozen=True)
class Kept:
    """One record as a worker hands it over: its columns, and its `encode`d form."""

    line: int
    key: int
    part: Part
    tokens: int
    copies: int
    prompt_characters: int
    answer_characters: int
    category: str
    content: bytes


class Corpus:
    """Records of all stages in the order they were read; a number counts from 0 over all of them."""

    def __init__(self, path: Path, stages: tuple[str, ...], objects: list[str]) -> None:
        """`path` takes the records; `objects` holds the names of the objects read so far, and grows with them."""
        self.stages = stages
        self.objects = objects
        self.stage = array("B")
        """Index into `stages`."""
        self.part = array("B")
        """Index into `PARTS`."""
        self.object = array("I")
        """Index into `objects`."""
        self.line = array("Q")
        self.key = array("Q")
        """Hash of the normalised prompt."""
        self.tokens = array("L")
        """Tokens of all its examples, prompt and longest answer; 0 without a tokenizer."""
        self.copies = array("B")
        """How often the row is taken in training, by its source's weight; 0 leaves it out."""
        self.prompt_characters = array("L")
        self.answer_characters = array("L")
        self.left_out = array("B")
        """1 for a row that a Fix leaves out of its part, as far as checks have concluded: what is said later is said of the rows that stay."""
        self.category = array("H")
        """Index into `categories`."""
        self.categories: list[str] = ["", OTHER_CATEGORY]
        self._category_index = {"": 0, OTHER_CATEGORY: 1}
        self._offset = array("Q")
        self._path = path
        self._writer: BinaryIO = path.open("wb")
        self._reader: BinaryIO | None = None
        self._end = 0

    def __len__(self) -> int:
        return len(self.key)

    def append(self, kept: Kept, stage: int, object_: int) -> None:
        """Keep one record."""
        self.stage.append(stage)
        self.part.append(PARTS.index(kept.part))
        self.object.append(object_)
        self.line.append(kept.line)
        self.key.append(kept.key)
        self.tokens.append(kept.tokens)
        self.copies.append(kept.copies)
        self.left_out.append(0)
        self.prompt_characters.append(kept.prompt_characters)
        self.answer_characters.append(kept.answer_characters)
        self.category.append(self._category(kept.category))
        self._offset.append(self._end)
        self._writer.write(kept.content)
        self._end += len(kept.content)

    def leave_out(self, numbers: Sequence[int] | frozenset[int]) -> None:
        """Leave rows out, once all records are there."""
        self.column("left_out")[np.fromiter(numbers, dtype=np.int64)] = 1

    def _category(self, name: str) -> int:
        index = self._category_index.get(name)
        if index is None:
            if len(self.categories) >= MOST_CATEGORIES:
                return self._category(OTHER_CATEGORY)
            index = self._category_index[name] = len(self.categories)
            self.categories.append(name)
        return index

    def place(self, number: int) -> str:
        """Object and line: train.jsonl:12."""
        return f"{self.objects[self.object[number]]}:{self.line[number]}"

    def column(self, name: str) -> npt.NDArray[Any]:
        """A column as a view, once all records are there: while the view lives, none can be added."""
        values: array[int] = getattr(self, name)
        return np.frombuffer(values, dtype=values.typecode)

    def record(self, number: int) -> Record:
        """Read one record back."""
        reader = self._opened()
        reader.seek(self._offset[number])
        return decode(reader.readline())

    def records(self) -> Iterator[Record]:
        """Read all records back, in order."""
        self._writer.flush()
        with self._path.open("rb") as reader:
            for line in reader:
                yield decode(line)

    def close(self) -> None:
        """Close the files."""
        self._writer.close()
        if self._reader is not None:
            self._reader.close()

    def _opened(self) -> BinaryIO:
        if self._reader is None:
            self._writer.flush()
            self._reader = self._path.open("rb")
        return self._reader


def encode(record: Record) -> bytes:
    """A record as one line of JSON."""
    # Not asdict(): it copies every text, and costs as much as all the rest of keeping a row.
    examples = [{"prompt": item.prompt, "answers": item.answers, "extra": item.extra} for item in record.examples]
    return canonical_json(
        {
            "line": record.line,
            "key": record.key,
            "examples": examples,
            "category": record.category,
            "synthetic": record.synthetic,
        }
    )


def decode(line: bytes) -> Record:
    """The record of a line."""
    value = json.loads(line)
    examples = tuple(Example(**example) for example in value.pop("examples"))
    return Record(examples=examples, **value)
