"""Makes the demo's data from text that Python itself carries: docstrings and help topics of the standard library.

`python examples/demo/dataset.py DIRECTORY` writes sft.jsonl and preference.jsonl. The same Python version gives the same bytes.
The task: say in one short sentence what a name of the standard library does, the way its own documentation does."""

import ast
import json
import pydoc_data.topics
import random
import re
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SHORTEST, LONGEST = 20, 280
SFT_ROWS, PREFERENCE_ROWS = 900, 260
PRIVATE = re.compile(r"(^|\.)_")
PERSONAL = re.compile(r"@|https?://|copyright|author", re.IGNORECASE)
EXCLUDED = frozenset(
    {
        "test",
        "tests",
        "idlelib",
        "lib2to3",
        "turtledemo",
        "site-packages",
        "encodings",
        "ensurepip",
        "pydoc_data",
        "distutils",
    }
)


@dataclass(frozen=True)
class Entry:
    """A documented name."""

    name: str
    kind: str
    answer: str

    @property
    def question(self) -> str:
        """What a user would ask."""
        return f"What is the Python {self.kind} {self.name} for?"


def first_sentence(text: str) -> str:
    """The first paragraph, on one line."""
    paragraph = re.split(r"\n\s*\n", text.strip(), maxsplit=1)[0]
    return " ".join(paragraph.split())


def documented(path: Path, module: str) -> Iterator[Entry]:
    """Every public module, class and function of a file that has a docstring. The file is parsed, never run."""
    tree = ast.parse(path.read_text(encoding="utf-8", errors="strict"))
    if text := ast.get_docstring(tree):
        yield Entry(module, "module", first_sentence(text))
    yield from _members(tree.body, module)


def _members(body: list[ast.stmt], prefix: str) -> Iterator[Entry]:
    for node in body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        name = f"{prefix}.{node.name}"
        if text := ast.get_docstring(node):
            yield Entry(name, "class" if isinstance(node, ast.ClassDef) else "function", first_sentence(text))
        if isinstance(node, ast.ClassDef):
            yield from _members(node.body, name)


def topics() -> Iterator[Entry]:
    """Help topics, by their first paragraph of prose."""
    for name, text in sorted(pydoc_data.topics.topics.items()):
        paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text)]
        prose = next((part for part in paragraphs if part.endswith(".") and SHORTEST <= len(part) <= LONGEST), None)
        if prose:
            yield Entry(name, "help topic", prose)


def usable(entry: Entry) -> bool:
    """Short, public, prose, and about nobody."""
    return (
        SHORTEST <= len(entry.answer) <= LONGEST
        and not PRIVATE.search(entry.name)
        and not PERSONAL.search(entry.answer)
        and entry.answer[0].isalpha()
        and entry.answer.isascii()
    )


def entries() -> list[Entry]:
    """All usable entries, one for each answer, in the order of the names."""
    root = Path(sysconfig.get_path("stdlib"))
    found: list[Entry] = list(topics())
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if EXCLUDED & set(parts) or any(part.startswith("_") and part != "__init__" for part in parts):
            continue
        module = ".".join(part for part in parts if part != "__init__")
        try:
            found += documented(path, module)
        except (SyntaxError, UnicodeDecodeError):
            continue
    seen: set[str] = set()
    kept = []
    for entry in found:
        if usable(entry) and entry.answer not in seen and entry.name not in seen:
            seen |= {entry.answer, entry.name}
            kept.append(entry)
    return kept


def rejected_answer(entry: Entry, others: list[Entry], chooser: random.Random) -> str:
    """The documentation of another name, of about the same length: wrong, and not by its length."""
    near = sorted(others, key=lambda other: (abs(len(other.answer) - len(entry.answer)), other.name))
    return chooser.choice([other for other in near[:20] if other.name != entry.name]).answer


def main(directory: Path) -> None:
    """Write both files."""
    directory.mkdir(parents=True, exist_ok=True)
    chooser = random.Random(0)
    found = entries()
    chooser.shuffle(found)
    if len(found) < SFT_ROWS + PREFERENCE_ROWS:
        raise SystemExit(
            f"this Python's standard library has only {len(found)} usable docstrings; {SFT_ROWS + PREFERENCE_ROWS} are needed"
        )
    sft, preferred = found[:SFT_ROWS], found[SFT_ROWS : SFT_ROWS + PREFERENCE_ROWS]
    rows = [{"instruction": entry.question, "input": "", "output": entry.answer} for entry in sft]
    pairs = [
        {"prompt": entry.question, "chosen": entry.answer, "rejected": rejected_answer(entry, found, chooser)}
        for entry in preferred
    ]
    for name, content in (("sft.jsonl", rows), ("preference.jsonl", pairs)):
        (directory / name).write_text("".join(json.dumps(row, sort_keys=True) + "\n" for row in content))
        print(f"{directory / name}: {len(content)} rows")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
