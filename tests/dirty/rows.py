"""Clean rows, and what turns rows into records: prose that nobody wrote for this test, the docstrings of the standard library."""

import ast
import random
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from tunewright_trainer.prepare.records import Example, Message, Record
from tunewright_trainer.prepare.split import key_of

Row = dict[str, Any]
Planted = tuple[list[Row], frozenset[int]]
LEFT_OUT = frozenset({"test", "tests", "idlelib", "lib2to3", "turtledemo", "site-packages", "encodings", "distutils"})
SHORTEST = 40


@lru_cache(maxsize=1)
def docstrings() -> tuple[tuple[str, str], ...]:
    """(name, whole docstring) of what the standard library documents, as it is: with its addresses, versions and dates."""
    root = Path(sysconfig.get_path("stdlib"))
    paths = [path for path in sorted(root.rglob("*.py")) if not LEFT_OUT & set(path.relative_to(root).parts)]
    found = {text: name for path in paths for name, text in _documented(path)}
    return tuple((name, text) for text, name in found.items())


def _documented(path: Path) -> Iterator[tuple[str, str]]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text and len(text) >= SHORTEST and text.isascii():
                yield f"{path.stem}.{getattr(node, 'name', '')}".rstrip("."), text


def clean(count: int, seed: int) -> list[Row]:
    """Rows of real docstrings: a question for each name, answered by its own words."""
    chosen = random.Random(seed).choices(docstrings(), k=count)
    return [{"prompt": f"What does {name} do in Python?", "completion": text} for name, text in chosen]


def every_docstring() -> list[Row]:
    """A row for each docstring."""
    return [{"prompt": f"What does {name} do in Python?", "completion": text} for name, text in docstrings()]


def record_of(row: Row, line: int = 1, **others: Any) -> Record:
    """A row as the gate has it once it is read."""
    asked = row.get("prompt", "")
    prompt: list[Message] = asked if isinstance(asked, list) else [{"role": "user", "content": asked}]
    answers: dict[str, list[Message]] = {
        name: [{"role": "assistant", "content": row[name]}]
        for name in ("completion", "chosen", "rejected")
        if name in row
    }
    extra: dict[str, Any] = {name: row[name] for name in ("tools", "answer", "label") if name in row}
    example = Example(prompt, answers, extra)
    return Record(line, key_of(prompt), (example,), synthetic=bool(row.get("synthetic")), **others)


def planted(
    rows: Sequence[Row],
    seed: int,
    faults: Sequence[Callable[[random.Random], str]],
    decoys: Sequence[Callable[[random.Random], str]] = (),
) -> Planted:
    """Sets one text of each fault, and of each decoy, into the answer or the prompt of a row that the seed draws."""
    draw = random.Random(seed)
    changed = [dict(row) for row in rows]
    places = draw.sample(range(len(rows)), len(faults) + len(decoys))
    for place, make in zip(places, [*faults, *decoys], strict=True):
        field = draw.choice(("prompt", "completion"))
        changed[place][field] = inserted(draw, changed[place][field], make(draw))
    return changed, frozenset(places[: len(faults)])


def inserted(draw: random.Random, text: str, part: str) -> str:
    """The text with a part set between two of its words."""
    words = text.split(" ")
    place = draw.randint(0, len(words))
    return " ".join([*words[:place], part, *words[place:]])


def answered(rows: Sequence[Row], seed: int, faults: Sequence[str], decoys: Sequence[str] = ()) -> Planted:
    """Gives one answer of the list to each of as many rows that the seed draws."""
    draw = random.Random(seed)
    changed = [dict(row) for row in rows]
    places = draw.sample(range(len(rows)), len(faults) + len(decoys))
    for place, answer in zip(places, [*faults, *decoys], strict=True):
        changed[place]["completion"] = answer
    return changed, frozenset(places[: len(faults)])
