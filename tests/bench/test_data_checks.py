"""What each check of the data gate finds, what it misses, what it takes for a fault that is none, and what a row costs. Writes the table of docs/data-checks.md."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import builders
from dirty.measured import Measure, generator_of, measure
from dirty.rows import docstrings
from dirty.tokenizer import make_tokenizer
from tunewright_api.data import DEFAULT_ACTIONS, ActionOrFix, CheckName, Checks
from tunewright_api.spec import FineTuneJobSpec
from tunewright_trainer.prepare.checks import CHECKS, mender
from tunewright_trainer.prepare.rendering import Renderer

PAGE = Path(__file__).parents[2] / "docs" / "data-checks.md"
BEGIN, END = "<!-- table: make bench-data-checks -->", "<!-- end of table -->"
ROUNDS = 5
HEAD = (
    "| check | what it finds (the API's words) | default | Fix | planted | found | false alarms beside them | false alarms on {} docstrings | µs a row | weak spots |\n"
    "|---|---|---|---|---|---|---|---|---|---|\n"
)


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> Renderer:
    return Renderer(make_tokenizer(tmp_path_factory.mktemp("tokenizer")))


@pytest.fixture(scope="module")
def lines() -> Iterator[dict[CheckName, str]]:
    """Collects a line a check, and writes the table once all are there."""
    found: dict[CheckName, str] = {}
    yield found
    if len(found) < len(CHECKS):
        return
    table = HEAD.format(f"{len(docstrings()):,}") + "".join(found[name] for name in CheckName if name in found)
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(re.sub(f"(?<={BEGIN}\n).*(?={END})", lambda _: table, page, flags=re.DOTALL), encoding="utf-8")


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in CHECKS])
def test_finds_what_was_planted(
    name: CheckName, renderer: Renderer, lines: dict[CheckName, str], tmp_path: Path
) -> None:
    module = generator_of(name)
    if module is None:
        lines[name] = line(name, None, "not measured: tests/dirty has no generator for it")
        pytest.fail(f"tests/dirty/{CHECKS[name]}.py has no plant(rows, seed): what the check finds is not known")
    spec = FineTuneJobSpec.model_validate(builders.spec())
    found = measure(name, module, spec, renderer, tmp_path, ROUNDS)
    lines[name] = line(name, found, getattr(module, "WEAK", ""))
    assert found.planted
    assert found.found >= getattr(module, "LEAST_RECALL", 0.9) * found.planted
    assert found.false_alarms <= getattr(module, "MOST_FALSE_ALARMS", 0.01) * found.beside


def line(name: CheckName, found: Measure | None, weak: str) -> str:
    """A line of the table."""
    info = next(info for field, info in Checks.model_fields.items() if (info.alias or field) == name)
    definition = re.sub(r"\s*Default: \w+\.|\s*Fix [^.]*\.", "", str(info.description)).strip().replace("|", "\\|")
    figures = (
        (
            str(found.planted),
            f"{found.found} ({found.found / found.planted:.1%})",
            f"{found.false_alarms} of {found.beside:,}",
            str(found.clean_alarms),
            f"{found.microseconds:.1f}",
        )
        if found
        else ("",) * 5
    )
    return f"| {name} | {definition} | {DEFAULT_ACTIONS[name]} | {fix_of(name)} | {' | '.join(figures)} | {weak} |\n"


def fix_of(name: CheckName) -> str:
    """What its Fix does."""
    field = next(info for field, info in Checks.model_fields.items() if (info.alias or field) == name)
    if ActionOrFix not in getattr(field.annotation, "__args__", ()):
        return "none"
    return "mends" if mender(name) else "leaves out"
