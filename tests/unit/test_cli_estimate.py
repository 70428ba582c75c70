"""`tunewright estimate`: what a run will need, on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from model_headers import TINY, write_model
from tunewright_cli.main import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def manifest(folder: Path, config: dict[str, Any] | None = None, **spec: Any) -> str:
    model = write_model(folder / "model", config)
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


ROWS = ["--rows", "10000", "--tokens-per-row", "100", "--longest", "200"]


def test_an_estimate_of_assumed_rows_is_printed_with_its_assumptions(tmp_path: Path, capsys: Capture) -> None:
    price = ["--gpu", "h100", "--gpu-hour", "2.5", "--currency", "EUR"]
    assert main(["estimate", "-f", manifest(tmp_path), *ROWS, *price]) == 0
    said = capsys.readouterr().out
    assert "Fits one H100: 2.5 GiB of 79.6 GiB, 1,875 steps" in said
    assert "EUR" in said
    assert "SFT LoRA" in said
    assert "counted in its weights" in said
    assert "An hour of it costs 2.5 EUR." in said


def test_on_a_cpu_no_time_is_invented(tmp_path: Path, capsys: Capture) -> None:
    assert main(["estimate", "-f", manifest(tmp_path, compute={"gpusPerNode": 0}), *ROWS]) == 0
    said = capsys.readouterr().out
    assert "Needs 2.5 GiB of main memory on the CPU, 1,875 steps." in said
    assert "not told" in said


def test_what_does_not_fit_ends_with_the_code_of_a_memory_that_is_too_small(tmp_path: Path, capsys: Capture) -> None:
    pod = {"gpusPerNode": 0, "trainer": {"resources": {"limits": {"memory": "1Gi"}}}}
    assert main(["estimate", "-f", manifest(tmp_path, compute=pod), *ROWS]) == 69
    said = capsys.readouterr().out
    assert "Does not fit into the pod: 2.5 GiB of 1.0 GiB" in said
    assert "Raise spec.compute.trainer.resources.limits.memory to 3Gi." in said


BAD = [
    pytest.param([], "say how many rows there are: --rows and --tokens-per-row, or --data", 64, id="no rows"),
    pytest.param([*ROWS, "--gpu", "H1O0"], "--gpu: the GPU 'H1O0' is unknown; did you mean H100?", 64, id="a mistyped GPU"),
    pytest.param([*ROWS, "--gpu-hour", "2"], "gpuHour and currency go together", 64, id="a price without a currency"),
    pytest.param([*ROWS, "--gpu-hour", "-2", "--currency", "EUR"], "--gpu-hour: ", 64, id="a price below nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "words", "code"), BAD)
def test_bad_arguments_are_named(arguments: list[str], words: str, code: int, tmp_path: Path, capsys: Capture) -> None:
    assert main(["estimate", "-f", manifest(tmp_path), *arguments]) == code
    assert words in capsys.readouterr().err


def test_a_number_that_is_none_is_named(tmp_path: Path, capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["estimate", "-f", manifest(tmp_path), "--rows", "many"])
    assert "'many' must be a whole number above 0" in capsys.readouterr().err


def test_a_model_that_is_not_there_is_named(tmp_path: Path, capsys: Capture) -> None:
    file = manifest(tmp_path)
    for path in (tmp_path / "model").iterdir():
        path.unlink()
    assert main(["estimate", "-f", file, *ROWS]) == 66
    assert "ModelUnavailable: spec.model.uri: there is nothing at" in capsys.readouterr().err


def test_a_config_that_says_too_little_is_named(tmp_path: Path, capsys: Capture) -> None:
    file = manifest(tmp_path)
    (tmp_path / "model" / "config.json").write_text(json.dumps({"model_type": TINY["model_type"]}))
    assert main(["estimate", "-f", file, *ROWS]) == 66
    assert "config.json does not say hidden_size" in capsys.readouterr().err
