"""What the prepare step leaves behind: the report as page and as JSON, and what status is told, of good rows and of refused ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from tiny_model import Run, make_model, spec, write_rows
from tunewright_api.data_report import DataReport
from tunewright_api.failures import FailureClass
from tunewright_api.run import RunResult, termination_message

EMAIL, KEY = "anna.schmidt@example.org", "AKIAQ7X4TBWL2MZ5RVNE"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"))


def prepare(folder: Path, model: Path, *more_rows: dict[str, str], **changes: Any) -> tuple[Run, RunResult]:
    write_rows(folder / "data", 120)
    with (folder / "data" / "sft.jsonl").open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in more_rows)
    run = Run(spec(model, folder / "data", folder / "out", **changes), folder / "scratch")
    return run, run.attempt("prepare")


def beside(result: RunResult, name: str) -> str:
    """A file beside the report that status names."""
    assert result.dataset is not None
    uri = Path(str(result.dataset.report_uri).removeprefix("file://"))
    return uri.with_name(name).read_text()


def test_good_rows_leave_a_page_and_an_estimate(tmp_path: Path, model: Path) -> None:
    _, result = prepare(tmp_path, model)
    assert result.failure is None
    assert result.dataset is not None
    report = DataReport.model_validate_json(beside(result, "report.json"))
    assert report.passed
    assert report.digest == result.digest
    assert report.fit is not None
    assert [stage.name for stage in report.fit.stages] == ["sft", "dpo"]
    assert [stage.steps for stage in report.fit.stages] == [6, 6]
    assert result.dataset.rows == sum(stage.rows for stage in report.stages)
    assert result.dataset.fit.startswith("Fits one H100 (for example): ")
    assert result.dataset.message[:40] in beside(result, "report.html")


def test_refused_rows_are_told_to_status_and_to_nobody_in_full(tmp_path: Path, model: Path) -> None:
    dirty = {"prompt": f"write to {EMAIL} with {KEY}", "completion": "no"}
    _, result = prepare(tmp_path, model, dirty)
    assert result.failure is not None
    assert result.failure.failure_class is FailureClass.INVALID_DATA
    assert result.dataset is not None
    gravest = result.dataset.findings[0]
    assert (gravest.check, gravest.verdict, gravest.rows) == ("secrets", "Failed", 1)
    assert "sft.jsonl:121" in result.dataset.message
    read = RunResult.model_validate_json(termination_message(result))
    assert read.dataset is not None
    assert read.dataset.message == result.dataset.message
    for text in (beside(result, "report.html"), beside(result, "report.json"), termination_message(result)):
        assert EMAIL not in text
        assert KEY not in text


def test_a_run_that_no_setting_can_make_fit_is_refused_before_it_trains(tmp_path: Path, model: Path) -> None:
    pod = {"gpusPerNode": 0, "trainer": {"resources": {"limits": {"memory": "1Gi"}}}}
    _, result = prepare(tmp_path, model, compute=pod)
    assert result.failure is not None
    assert result.failure.failure_class is FailureClass.INVALID_SPEC
    assert "weights and adapter alone need 1.5 GiB, and the pod has 1.0" in result.failure.message
    assert "spec.compute.trainer.resources.limits.memory to 3Gi" in result.failure.message
