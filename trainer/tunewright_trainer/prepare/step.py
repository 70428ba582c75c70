"""The prepare step: model folder and data of all stages, before a GPU is asked for."""

import hashlib
import logging
from collections import Counter
from typing import Any

from tunewright_api.manifest import canonical_digest
from tunewright_api.run import RunResult
from tunewright_api.stages import Stage
from tunewright_api.status import DatasetStatus
from tunewright_trainer.context import StepContext, StepOutcome
from tunewright_trainer.prepare.dataset import PreparedStage, complaint, prepare_stage, summary
from tunewright_trainer.prepare.model_check import check_model
from tunewright_trainer.prepare.split import Part
from tunewright_trainer.shell.errors import DatasetMissing, InvalidData, ObjectMissing
from tunewright_trainer.shell.folders import canonical_json
from tunewright_trainer.train.families import target_modules
from tunewright_trainer.train.known_arguments import check_names_and_types

logger = logging.getLogger(__name__)
REPORT = "report.json"


def run(context: StepContext) -> StepOutcome:
    """Check model and data, write the rows of each stage by part, and a report."""
    context.telemetry.update(activity="CheckingModel")
    spec = context.config.spec
    config = check_model(context.store, spec.model.uri)
    target_modules(config["model_type"], spec.tuning.target_modules)
    for stage in spec.stages:
        check_names_and_types(stage)
    context.telemetry.update(activity="ReadingData")
    sources: list[dict[str, Any]] = []
    prepared = [_read(context, stage, sources) for stage in spec.stages]
    report = {"modelType": config["model_type"], "objects": sources, "stages": [summary(stage) for stage in prepared]}
    folder = context.workdir / "out"
    folder.mkdir()
    (folder / REPORT).write_bytes(canonical_json(report))
    _refuse_bad_rows(context, prepared, folder / REPORT)
    digests = [_write_part(folder, stage, part) for stage in prepared for part in Part]
    return StepOutcome(folder, canonical_digest(digests), _result(context, prepared, canonical_digest(digests)))


def _read(context: StepContext, stage: Stage, sources: list[dict[str, Any]]) -> PreparedStage:
    uri = stage.dataset.uri
    try:
        info = context.store.info(uri)
        data = context.store.read(uri)
    except ObjectMissing as error:
        raise DatasetMissing(f"stage {stage.name}: {error}") from error
    digest = hashlib.sha256(data).hexdigest()
    sources.append({"uri": uri, "size": len(data), "etag": info.etag if info else "", "sha256": digest})
    logger.info("Read a data set", extra={"stage": stage.name, "bytes": len(data), "sha256": digest})
    return prepare_stage(data, stage, context.config.spec.split)


def _refuse_bad_rows(context: StepContext, prepared: list[PreparedStage], report: Any) -> None:
    uris = {stage.name: stage.dataset.uri for stage in context.config.spec.stages}
    complaints = [text for stage in prepared if (text := complaint(stage, uris[stage.stage]))]
    if complaints:
        # The report outlives the failed attempt: it has every bad row, the message only the first.
        context.store.upload(report, f"{context.attempt_uri}/{REPORT}")
        raise InvalidData("; ".join(complaints))


def _write_part(folder: Any, stage: PreparedStage, part: Part) -> tuple[str, str]:
    path = f"stages/{stage.stage}/{part}.jsonl"
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    content = b"".join(canonical_json(row.to_json()) for row in stage.parts[part])
    target.write_bytes(content)
    return path, hashlib.sha256(content).hexdigest()


def _result(context: StepContext, prepared: list[PreparedStage], digest: str) -> RunResult:
    counts = Counter({part: sum(len(stage.parts[part]) for stage in prepared) for part in Part})
    return RunResult(
        step=context.config.step,
        attempt=context.config.attempt,
        dataset=DatasetStatus(
            rows=sum(counts.values()),
            train=counts[Part.TRAIN],
            validation=counts[Part.VALIDATION],
            test=counts[Part.TEST],
            digest=digest,
            report_uri=f"{context.attempt_uri}/{REPORT}",
        ),
        figures={f"{stage.stage}.{part}": float(len(stage.parts[part])) for stage in prepared for part in Part},
    )
