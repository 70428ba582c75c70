"""`tunewright validate --data` and `tunewright estimate --data`: the data gate on this machine, with a real tokenizer and no cluster."""

import json
from pathlib import Path
from typing import Any

import pytest

from tiny_model import WORDS, make_model
from tunewright_cli.main import main

Capture = pytest.CaptureFixture[str]
Row = dict[str, Any]
EMAIL, KEY = "anna.schmidt@example.org", "AKIAQ7X4TBWL2MZ5RVNE"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")


def rows(count: int = 200) -> list[Row]:
    """Short questions, each with an answer of its own."""
    names = [(WORDS[number % 12], WORDS[number // 12 % 12]) for number in range(count)]
    return [
        {"prompt": f"say {number} {one} {other}", "completion": f"{other} {one} {number}"}
        for number, (one, other) in enumerate(names)
    ]


def job(folder: Path, model: Path, content: list[Row] | str, **spec: Any) -> str:
    text = content if isinstance(content, str) else "".join(json.dumps(row) + "\n" for row in content)
    (folder / "rows.jsonl").write_text(text)
    body = {
        "apiVersion": "tunewright.dev/v1alpha1",
        "kind": "FineTuneJob",
        "metadata": {"name": "tune"},
        "spec": {
            "model": {"uri": f"file://{model}", "id": "test/tiny"},
            "stages": [{"name": "sft", "method": "SFT", "dataset": {"uri": f"file://{folder}/rows.jsonl"}}],
            "output": {"uri": f"file://{folder}/out"},
            **spec,
        },
    }
    (folder / "job.yaml").write_text(json.dumps(body))
    return str(folder / "job.yaml")


def test_good_rows_pass_and_are_told_of(tmp_path: Path, model: Path, capsys: Capture) -> None:
    page = tmp_path / "report.html"
    assert main(["validate", "--data", "-f", job(tmp_path, model, rows()), "--report", str(page), "--gpu", "L4"]) == 0
    said = capsys.readouterr().out
    for words in ("Passed  ", "sft  SFT, PromptCompletion", "to train on", "Tokens ", "Fits one L4", "rows.jsonl"):
        assert words in said, words
    assert page.read_text().startswith("<!doctype html>")
    assert not (tmp_path / "out").exists(), "looking at data writes no result"


def test_rows_that_cannot_be_read_are_named_by_line(tmp_path: Path, model: Path, capsys: Capture) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows()) + "{broken\n"
    assert main(["validate", "--data", "-f", job(tmp_path, model, text)]) == 65
    said = capsys.readouterr().out
    assert "Refused  " in said
    assert "rows.jsonl:201" in said


def test_personal_data_and_secrets_are_found_and_never_told(tmp_path: Path, model: Path, capsys: Capture) -> None:
    dirty = rows()
    dirty[7]["prompt"] += f" write to {EMAIL}"
    dirty[9]["prompt"] += f" with {KEY}"
    page = tmp_path / "report.html"
    assert main(["validate", "--data", "-f", job(tmp_path, model, dirty), "--report", str(page)]) == 65
    captured = capsys.readouterr()
    assert "rows.jsonl:10" in captured.out
    assert "rows.jsonl:8" in captured.out
    for text in (captured.out, captured.err, page.read_text()):
        assert EMAIL not in text
        assert KEY not in text


def test_what_is_allowed_in_the_spec_is_no_failure(tmp_path: Path, model: Path, capsys: Capture) -> None:
    dirty = rows()
    dirty[9]["prompt"] += f" with {KEY}"
    manifest = job(tmp_path, model, dirty, data={"checks": {"secrets": "Fix"}})
    assert main(["validate", "--data", "-f", manifest]) == 0
    assert "Fixed   Secrets" in capsys.readouterr().out


def test_a_file_that_is_not_there_is_named(tmp_path: Path, model: Path, capsys: Capture) -> None:
    manifest = job(tmp_path, model, rows())
    (tmp_path / "rows.jsonl").unlink()
    assert main(["validate", "--data", "-f", manifest]) == 65
    assert "rows.jsonl does not exist" in capsys.readouterr().err


def test_an_estimate_counts_the_rows_itself(tmp_path: Path, model: Path, capsys: Capture) -> None:
    assert main(["estimate", "--data", "-f", job(tmp_path, model, rows()), "--gpu", "L4"]) == 0
    said = capsys.readouterr().out
    assert "Fits one L4" in said
    assert "counted in its weights" in said


def test_what_is_about_data_needs_data(tmp_path: Path, model: Path, capsys: Capture) -> None:
    assert main(["validate", "-f", job(tmp_path, model, rows()), "--gpu", "L4"]) == 64
    assert "--gpu is about the data: add --data, or leave it out" in capsys.readouterr().err
