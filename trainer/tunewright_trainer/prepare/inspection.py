"""Looks at model and data of a job as the prepare step does, and says all of it in one report. Used by the step and by `tunewright validate --data`."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tunewright_api.data_report import DataReport
from tunewright_api.spec import FineTuneJobSpec
from tunewright_api.tuning import TuningType
from tunewright_trainer.model_folder import TOKENIZER_FILES, download_model
from tunewright_trainer.prepare.checks.base import CheckContext
from tunewright_trainer.prepare.engine import Setup, usable_processors
from tunewright_trainer.prepare.fit import estimate
from tunewright_trainer.prepare.gate import Gate, Inspected
from tunewright_trainer.prepare.model_check import check_model
from tunewright_trainer.prepare.sources import FetchedObject, FoundObject, fetch, find_objects
from tunewright_trainer.prepare.verdicts import message_of
from tunewright_trainer.shell.errors import DatasetMissing, ObjectMissing
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


def inspect(spec: FineTuneJobSpec, store: ObjectStore, workdir: Path, tell: Callable[[str], None]) -> Inspection:
    """Look at everything before a GPU is asked for; `tell` hears of each activity. Raises StepError for what no row can mend."""
    tell("CheckingModel")
    config = check_model(store, spec.model.uri)
    if spec.tuning.type is TuningType.LORA:
        target_modules(config["model_type"], spec.tuning.target_modules)
    for stage in spec.stages:
        check_names_and_types(stage)
        if stage.teacher:
            check_model(store, stage.teacher.uri, f"stages[{stage.name}].teacher.uri")
    found = [_found(store, spec, index) for index in range(len(spec.stages))]
    model = download_model(store, spec.model.uri, workdir / "tokenizer", TOKENIZER_FILES)
    tell("ReadingData")
    size = sum(item.size for items in found for item in items)
    context = CheckContext(
        spec=spec,
        context_length=config.get("max_position_embeddings"),
        workers=usable_processors() if size > WORTH_A_PROCESS else 1,
    )
    scratch = workdir / "gate"
    scratch.mkdir()
    inspected = Gate(Setup(context, model), scratch).inspect(_fetched(store, spec, found, workdir / "objects"))
    return Inspection(_report(spec, config, inspected), inspected)


def _found(store: ObjectStore, spec: FineTuneJobSpec, index: int) -> list[FoundObject]:
    stage = spec.stages[index]
    try:
        return find_objects(store, stage.dataset)
    except ObjectMissing as error:
        raise DatasetMissing(f"stage {stage.name}: {error}") from error


def _fetched(
    store: ObjectStore, spec: FineTuneJobSpec, found: list[list[FoundObject]], folder: Path
) -> Iterator[tuple[int, FetchedObject]]:
    """Objects of all stages in order; each is removed from scratch once it has been read."""
    for index, items in enumerate(found):
        name = spec.stages[index].name
        for number, item in enumerate(items):
            fetched = fetch(store, item, name, folder / f"{index}-{number}")
            provenance = fetched.provenance
            logger.info(
                "Read a data set",
                extra={"stage": name, "uri": provenance.uri, "bytes": provenance.size, "sha256": provenance.sha256},
            )
            yield index, fetched
            fetched.path.unlink()


def _report(spec: FineTuneJobSpec, config: dict[str, object], inspected: Inspected) -> DataReport:
    rows = sum(stage.rows for stage in inspected.stages)
    return DataReport(
        message=message_of(inspected.findings, inspected.refusals, rows)[:1000],
        passed=not inspected.refusals,
        model_type=str(config["model_type"]),
        objects=inspected.objects,
        stages=inspected.stages,
        findings=inspected.findings,
        fit=estimate(spec, config, inspected.stages),
    )
