"""What is known of every kept record, a column each, and the records themselves on scratch. Some 50 bytes of memory a record."""

import json
from array import array
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from tunewright_trainer.prepare.records import Example, Record
from tunewright_trainer.prepare.split import PARTS, Part
from tunewright_trainer.shell.folders import canonical_json


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
        self.object = array("H")
        """Index into `objects`."""
        self.line = array("Q")
        self.key = array("Q")
        """Hash of the normalised prompt."""
        self.tokens = array("L")
        """Tokens of all its examples, prompt and longest answer; 0 without a tokenizer."""
        self.copies = array("B")
        """How often the row is taken in training, by its source's weight."""
        self._offset = array("Q")
        self._path = path
        self._writer: BinaryIO = path.open("wb")
        self._reader: BinaryIO | None = None
        self._end = 0

    def __len__(self) -> int:
        return len(self.key)

    def append(
        self, content: bytes, *, stage: int, part: Part, object_: int, line: int, key: int, tokens: int, copies: int
    ) -> None:
        """Keep one record; `content` is its `encode`d form."""
        self.stage.append(stage)
        self.part.append(PARTS.index(part))
        self.object.append(object_)
        self.line.append(line)
        self.key.append(key)
        self.tokens.append(tokens)
        self.copies.append(copies)
        self._offset.append(self._end)
        self._writer.write(content)
        self._end += len(content)

    def place(self, number: int) -> str:
        """Object and line: train.jsonl:12."""
        return f"{self.objects[self.object[number]]}:{self.line[number]}"

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
    return canonical_json(asdict(record))


def decode(line: bytes) -> Record:
    """The record of a line."""
    value = json.loads(line)
    examples = tuple(Example(**example) for example in value.pop("examples"))
    return Record(examples=examples, **value)
