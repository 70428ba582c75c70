"""Writes the kept rows as each recipe reads them: stages/<stage>/<part>.jsonl, in the order they were read. Equal rows have equal bytes."""

import hashlib
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from tunewright_trainer.prepare.gate import Inspected
from tunewright_trainer.prepare.records import Record
from tunewright_trainer.prepare.split import PARTS
from tunewright_trainer.shell.folders import canonical_json


def write_parts(inspected: Inspected, folder: Path) -> list[tuple[str, str]]:
    """Write all parts of all stages, empty ones too; (path, sha256) of each."""
    corpus = inspected.corpus
    gone = set(inspected.left_out.tolist())
    with ExitStack() as stack:
        files = [
            [_HashedFile(folder, f"stages/{stage}/{part}.jsonl", stack) for part in PARTS] for stage in corpus.stages
        ]
        for number, record in enumerate(corpus.records()):
            if number not in gone:
                file = files[corpus.stage[number]][corpus.part[number]]
                file.write(_lines(record, corpus.place(number), corpus.copies[number]))
        return [(file.path, file.digest()) for stage in files for file in stage]


def _lines(record: Record, place: str, copies: int) -> bytes:
    several = len(record.examples) > 1
    ids = [f"{place}#{index}" if several else place for index in range(1, len(record.examples) + 1)]
    lines = [canonical_json(example.to_json(row_id)) for row_id, example in zip(ids, record.examples, strict=True)]
    return b"".join(lines) * copies


class _HashedFile:
    def __init__(self, folder: Path, path: str, stack: ExitStack) -> None:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file: BinaryIO = stack.enter_context(target.open("wb"))
        self._hash = hashlib.sha256()

    def write(self, content: bytes) -> None:
        self._file.write(content)
        self._hash.update(content)

    def digest(self) -> str:
        return self._hash.hexdigest()
