"""Looks at model and data of a job as the prepare step does, and says all of it in one report. Used by the step and by `tunewright validate --data`."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright_api.data_report import DataReport
from tunewright_api.fit import FitEstimate
from tunewright_api.pricing import Pricing
from tunewright_api.spec import FineTuneJobSpec
from tunewright_api.stages import Stage
from tunewright_api.tuning import TuningType
from tunewright_trainer.model_folder import TOKENIZER_FILES, download_model
from tunewright_trainer.prepare.checks.base import CheckContext
from tunewright_trainer.prepare.engine import Setup, usable_processors
from tunewright_trainer.prepare.fit import estimate_of_reports
from tunewright_trainer.prepare.gate import Gate, Inspected
from tunewright_trainer.prepare.model_check import check_model, tensor_shapes
from tunewright_trainer.prepare.model_shape import ShapeUnknown
from tunewright_trainer.prepare.sources import FetchedObject, FoundObject, fetch_all, find_objects
from tunewright_trainer.prepare.verdicts import message_of
from tunewright_trainer.shell.errors import DatasetMissing, ModelUnavailable, ObjectMissing
from tunewright_trainer.shell.storage import ObjectStore
from tunewright_trainer.train.families import target_modules
from tunewright_trainer.train.known_arguments import check_names_and_types

logger = logging.getLogger(__name__)

WORTH_A_PROCESS = 8_000_000
"""Bytes of rows from which worker processes pay for the seconds that they take to start."""


@dataclass(frozen=True)
class Inspection:
    """The report, and what the parts are written from."""

    report: DataReport
    inspected: Inspected


@contextmanager
def inspect(
    spec: FineTuneJobSpec,
    store: ObjectStore,
    workdir: Path,
    tell: Callable[[str], None],
    pricing: Pricing | None = None,
) -> Iterator[Inspection]:
    """Look at everything before a GPU is asked for; `tell` hears of each activity, `pricing` is for the estimate. Rows can be read back until the context ends. Raises StepError for what no row can mend."""
    tell("CheckingModel")
    config = check_model(store, spec.model.uri)
    if spec.tuning.type is TuningType.LORA:
        target_modules(config["model_type"], spec.tuning.target_modules)
    for stage in spec.stages:
        check_names_and_types(stage)
        if stage.teacher:
            _check_teacher(store, stage.name, stage.teacher.uri)
    found = [_found(store, stage) for stage in spec.stages]
    model = download_model(store, spec.model.uri, workdir / "tokenizer", TOKENIZER_FILES)
    tell("ReadingData")
    size = sum(each.size for items in found for each in items)
    scratch = workdir / "gate"
    scratch.mkdir()
    context = CheckContext(
        spec=spec,
        context_length=config.get("max_position_embeddings"),
        workers=usable_processors() if size > WORTH_A_PROCESS else 1,
        spill=scratch,
    )
    with closing(Gate(Setup(context, model), scratch)) as gate:
        inspected = gate.inspect(_fetched(store, spec, found, workdir / "objects"))
        report = _report(config, inspected)
        yield Inspection(report.model_copy(update={"fit": _fit(spec, store, config, report, pricing)}), inspected)


def _check_teacher(store: ObjectStore, stage: str, uri: str) -> None:
    try:
        check_model(store, uri)
    except ModelUnavailable as error:
        reason = str(error).removeprefix("spec.model.uri: ")
        raise ModelUnavailable(f"stages[{stage}].teacher.uri: {reason}") from error


def _found(store: ObjectStore, stage: Stage) -> list[FoundObject]:
    try:
        return find_objects(store, stage.dataset)
    except ObjectMissing as error:
        raise DatasetMissing(f"stage {stage.name}: {error}") from error


def _fetched(
    store: ObjectStore, spec: FineTuneJobSpec, found: list[list[FoundObject]], folder: Path
) -> Iterator[tuple[int, FetchedObject]]:
    """Objects of all stages in order; each is removed from scratch once it has been cut into batches."""
    for index, items in enumerate(found):
        name = spec.stages[index].name
        for fetched in fetch_all(store, items, name, folder / name):
            seen = fetched.provenance
            said = {"stage": name, "uri": seen.uri, "bytes": seen.size, "sha256": seen.sha256}
            logger.info("Read a data set", extra=said)
            yield index, fetched
            fetched.remove()


def _report(config: dict[str, Any], inspected: Inspected) -> DataReport:
    rows = sum(stage.train for stage in inspected.stages)
    return DataReport(
        message=message_of(inspected.findings, inspected.refusals, rows)[:1000],
        passed=not inspected.refusals,
        model_type=str(config["model_type"]),
        objects=inspected.objects,
        stages=inspected.stages,
        findings=inspected.findings,
    )


def _fit(
    spec: FineTuneJobSpec, store: ObjectStore, config: dict[str, Any], report: DataReport, pricing: Pricing | None
) -> FitEstimate | None:
    if not all(stage.train for stage in report.stages):
        return None
    try:
        return estimate_of_reports(spec, config, tensor_shapes(store, spec.model.uri), report.stages, pricing)
    except ShapeUnknown as error:
        logger.warning("There is no estimate of memory and time", extra={"reason": str(error)})
        return None
