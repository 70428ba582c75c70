"""Which objects a stage reads, and how often each of their rows is taken."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tunewright_api.datasets import Dataset, Source
from tunewright_trainer.prepare.records import Example, Record
from tunewright_trainer.prepare.sources import copies_of, fetch_all, find_objects, short_names
from tunewright_trainer.shell.errors import StepError
from tunewright_trainer.shell.storage import FileStore

FILES = ("support/b.jsonl", "support/a.jsonl", "support/sub/a.jsonl", "support/test.jsonl", "support/_SUCCESS", "support/.part", "support/_log/x.json", "empty/_SUCCESS", "more/a.jsonl")  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(FILES):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{number}\n")
    return tmp_path


def dataset(folder: Path, **changes: Any) -> Dataset:
    """A data set whose URIs are below `folder`."""

    def whole(value: Any) -> Any:
        if isinstance(value, list):
            return [{**item, "uri": whole(item["uri"])} for item in value]
        return f"file://{folder}/{value}"

    return Dataset.model_validate({key: whole(value) for key, value in changes.items()})


FOUND: list[Any] = [
    pytest.param({"uri": "support/a.jsonl"}, [("a.jsonl", None, False)], id="one object"),
    pytest.param({"uri": "support/"}, [("support/a.jsonl", None, False), ("b.jsonl", None, False), ("sub/a.jsonl", None, False), ("test.jsonl", None, False)], id="a prefix: by key, without what writers leave beside their rows"),
    pytest.param({"uri": "support/", "evalUri": "support/test.jsonl"}, [("support/a.jsonl", None, False), ("b.jsonl", None, False), ("sub/a.jsonl", None, False), ("test.jsonl", None, True)], id="what evalUri names is not trained on"),
    pytest.param({"sources": [{"uri": "support/b.jsonl", "weight": 0.5}, {"uri": "more/", "weight": 3.0}]}, [("b.jsonl", 0.5, False), ("a.jsonl", 3.0, False)], id="a mix, in the order of the spec"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "expected"), FOUND)
def test_the_objects_of_a_stage(folder: Path, changes: dict[str, Any], expected: list[Any]) -> None:
    found = find_objects(FileStore(), dataset(folder, **changes))
    assert [(each.name, each.source.weight, each.held_out) for each in found] == expected


REFUSED: list[Any] = [
    pytest.param({"uri": "none.jsonl"}, "{}/none.jsonl does not exist", id="no object"),
    pytest.param({"uri": "none/"}, "there is no object below {}/none/", id="an empty prefix"),
    pytest.param({"uri": "empty/"}, "there is no object below {}/empty/ but 1 whose names begin with _ or .", id="a prefix of marks"),
    pytest.param({"uri": "more/", "evalUri": "more/a.jsonl"}, "{}/more/ has no object besides those of evalUri: nothing is left to train on", id="all is held out"),
    pytest.param({"sources": [{"uri": "more/"}, {"uri": "more/a.jsonl"}]}, "{}/more/a.jsonl is part of 2 sources; raise the weight of one source instead", id="an object of two sources"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "sentence"), REFUSED)
def test_sources_that_cannot_be_read_are_refused(folder: Path, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(StepError) as raised:
        find_objects(FileStore(), dataset(folder, **changes))
    assert str(raised.value) == sentence.format(f"file://{folder}")


def test_a_local_file_is_read_where_it_lies_and_stays(folder: Path, tmp_path: Path) -> None:
    (fetched,) = fetch_all(
        FileStore(), find_objects(FileStore(), dataset(folder, uri="more/a.jsonl")), "sft", tmp_path / "x"
    )
    assert fetched.path == folder / "more/a.jsonl"
    fetched.remove()
    assert fetched.path.exists()
    assert fetched.provenance.sha256 == "aa67a169b0bba217aa0aa88a65346920c84c42447c36ba5f7ea65f422c1fe5d8"


def test_names_are_as_long_as_it_takes_to_tell_them_apart() -> None:
    uris = ["s3://a/x/1.jsonl", "s3://a/y/1.jsonl", "s3://b/x/1.jsonl", "s3://a/2.jsonl"]
    assert short_names(uris) == dict(zip(uris, ["a/x/1.jsonl", "y/1.jsonl", "b/x/1.jsonl", "2.jsonl"], strict=True))


ROWS = [
    Record(number, number, (Example([{"role": "user", "content": f"row {number}"}], {}, {}),)) for number in range(4000)
]


@pytest.mark.parametrize(("weight", "least", "most", "mean"), [(None, 1, 1, 1.0), (3.0, 3, 3, 3.0), (0.25, 0, 1, 0.25), (2.5, 2, 3, 2.5)])  # fmt: skip
def test_a_row_is_taken_as_often_as_its_weight_says(weight: float | None, least: int, most: int, mean: float) -> None:
    copies = [copies_of(row, Source(uri="s3://d/a", weight=weight), 7) for row in ROWS]
    assert {least, most} == set(copies)
    assert sum(copies) / len(copies) == pytest.approx(mean, abs=0.03)


def test_a_row_is_taken_wherever_it_stands() -> None:
    source = Source(uri="s3://d/a", weight=0.5)
    assert [copies_of(replace(row, line=7), source, 7) for row in ROWS] == [copies_of(row, source, 7) for row in ROWS]


def test_which_rows_are_taken_depends_on_row_source_and_seed_alone() -> None:
    source = Source(uri="s3://d/a", weight=0.5)
    taken = {row.line for row in ROWS if copies_of(row, source, 7)}
    # These very rows, for ever and on every machine.
    assert [copies_of(row, source, 7) for row in ROWS[:8]] == [0, 1, 0, 0, 0, 1, 0, 1]
    for other, seed in ((Source(uri="s3://d/b", weight=0.5), 7), (source, 8)):
        different = {row.line for row in ROWS if copies_of(row, other, seed)}
        assert 0.4 < len(taken & different) / len(taken) < 0.6
