"""`tunewright run -f job.yaml`: all steps on this machine, what is told at the end, and what a second call does."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

import tiny_model
from tunewright_cli.main import main

pytestmark = pytest.mark.filterwarnings("ignore")
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """The command silences libraries for as long as its process lives."""
    yield
    logging.disable(logging.NOTSET)


def manifest(folder: Path, model: Path, **changes: object) -> str:
    spec = tiny_model.spec(model, folder / "data", folder / "out", **changes)
    head = {"apiVersion": "tunewright.dev/v1alpha1", "kind": "FineTuneJob", "metadata": {"name": "tune"}}
    (folder / "job.yaml").write_text(json.dumps({**head, "spec": spec.to_wire()}))
    return str(folder / "job.yaml")


def run(file: str, folder: Path) -> int:
    return main(["run", "-f", file, "--scratch", str(folder / "scratch")])


def test_a_run_ends_with_figures_answers_and_the_place_of_the_adapter(
    model: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    tiny_model.write_rows(tmp_path / "data")
    file = manifest(tmp_path, model)
    assert run(file, tmp_path) == 0
    said = capsys.readouterr().out
    for words in ("prepare", "train-sft", "train-dpo", "publish", "rougeL", "verdict", "reference", "tuned", "read back and verified"):  # fmt: skip
        assert words in said, words
    assert "an earlier call" not in said
    adapter = Path(said.partition("The adapter is at file://")[2].partition(",")[0])
    assert (adapter / "adapter_config.json").is_file()
    assert list((tmp_path / "scratch").iterdir()) == []

    assert run(file, tmp_path) == 0
    again = capsys.readouterr().out
    assert "done before" in again
    assert "What an earlier call had finished was not done again, and the data was not read again: to begin anew, raise spec.runAttempt." in again  # fmt: skip


def test_a_failure_is_told_in_one_sentence_with_what_to_do(model: Path, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dpo.jsonl").write_text("")
    (tmp_path / "data" / "sft.jsonl").write_text('{"prompt": "a"\n')
    assert run(manifest(tmp_path, model), tmp_path) == 65
    said = " ".join(capsys.readouterr().out.split())
    assert "InvalidData in step prepare: stage sft: 1 of 1 rows" in said
    assert "sft.jsonl:1: not valid JSON" in said
    assert "Correct the rows named in the message" in said
    assert "Traceback" not in said
