"""The prepare step: model folder and data of all stages, before a GPU is asked for."""

import shutil
from pathlib import Path

from tunewright_api.data_report import PAGE_FILE, REPORT_FILE, DataReport
from tunewright_api.manifest import canonical_digest
from tunewright_api.run import RunResult
from tunewright_api.status import DatasetStatus
from tunewright_trainer.context import StepContext, StepOutcome
from tunewright_trainer.prepare.fit import refusal
from tunewright_trainer.prepare.gate import Inspected
from tunewright_trainer.prepare.inspection import inspect
from tunewright_trainer.prepare.parts import write_parts
from tunewright_trainer.prepare.report_page import page
from tunewright_trainer.prepare.summary import dataset_status
from tunewright_trainer.shell.errors import InvalidData, InvalidSpec
from tunewright_trainer.shell.folders import canonical_json


def run(context: StepContext) -> StepOutcome:
    """Check model and data, write the rows of each stage by part, and a report."""
    tell = context.telemetry.update
    looking = inspect(
        context.config.spec,
        context.store,
        context.workdir,
        lambda activity: tell(activity=activity),
        context.config.pricing,
    )
    with looking as found:
        return _outcome(context, found.report, found.inspected)


def _outcome(context: StepContext, report: DataReport, inspected: Inspected) -> StepOutcome:
    if inspected.refusals:
        raise InvalidData("; ".join(inspected.refusals), _kept(context, report))
    impossible = refusal(report.fit) if report.fit else None
    if impossible is not None:
        _kept(context, report)
        raise InvalidSpec(impossible)
    folder = context.workdir / "out"
    digest = canonical_digest(write_parts(inspected, folder))
    report = report.model_copy(update={"digest": digest})
    _write_report(report, folder)
    for file in inspected.files:
        shutil.copyfile(file, folder / file.name)
    return StepOutcome(folder, digest, _result(context, report))


def _kept(context: StepContext, report: DataReport) -> DatasetStatus:
    """The report outlives the failed attempt: it has what the message has no room for."""
    folder = context.workdir / "refused"
    _write_report(report, folder)
    for path in sorted(folder.iterdir()):
        context.store.upload(path, f"{context.attempt_uri}/{path.name}")
    return dataset_status(report, f"{context.attempt_uri}/{REPORT_FILE}")


def _write_report(report: DataReport, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / REPORT_FILE).write_bytes(canonical_json(report.to_wire()))
    (folder / PAGE_FILE).write_text(page(report), encoding="utf-8")


def _result(context: StepContext, report: DataReport) -> RunResult:
    counts = {
        f"{stage.name}.{part}": float(rows)
        for stage in report.stages
        for part, rows in (("train", stage.train), ("validation", stage.validation), ("test", stage.test))
    }
    return RunResult(
        step=context.config.step,
        attempt=context.config.attempt,
        dataset=dataset_status(report, f"{context.attempt_uri}/{REPORT_FILE}"),
        figures=counts,
    )
