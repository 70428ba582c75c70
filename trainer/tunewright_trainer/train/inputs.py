"""Fetches what a train step is made from: rows, models, and what earlier stages have trained. Everything is held against its recorded digest."""

from dataclasses import dataclass
from pathlib import Path

from tunewright_api import names
from tunewright_api.stages import Stage
from tunewright_trainer.context import StepContext
from tunewright_trainer.model_folder import download_model
from tunewright_trainer.shell import folders
from tunewright_trainer.shell.errors import TornContent
from tunewright_trainer.train.adapter_files import ADAPTER, trained_digest


@dataclass(frozen=True)
class Fetched:
    """Folders of one train step."""

    data: Path
    model: Path
    """The base model."""
    previous: Path | None
    """What the stage before has trained; None for the first of the chain."""
    scorers: dict[str, Path]
    """What each Reward stage has trained that this stage learns from, by its name."""
    teacher: Path | None


def fetch(context: StepContext, stage: Stage) -> Fetched:
    """Download all of it."""
    spec, workdir = context.config.spec, context.workdir
    context.telemetry.update(activity="Downloading")
    folders.check_content(context.inputs[names.PREPARE], below="stages/")
    folders.download_files(
        context.store, context.inputs[names.PREPARE], workdir / "data", below=f"stages/{stage.name}/"
    )
    before = spec.stage_before(stage)
    return Fetched(
        data=workdir / "data",
        model=download_model(context.store, spec.model.uri, workdir / "model"),
        previous=fetch_trained(context, before.name, workdir / "previous") if before else None,
        scorers=fetch_scorers(context, stage),
        teacher=download_model(context.store, stage.teacher.uri, workdir / "teacher") if stage.teacher else None,
    )


def fetch_scorers(context: StepContext, stage: Stage) -> dict[str, Path]:
    """The scorers that a stage learns from, by the names of their stages."""
    return {name: fetch_trained(context, name, context.workdir / "scorers" / name) for name in stage.scorers}


def fetch_trained(context: StepContext, stage: str, folder: Path) -> Path:
    """What an earlier stage has trained."""
    trained = context.inputs[names.train_step(stage)]
    folders.download_files(context.store, trained, folder, below=f"{ADAPTER}/")
    if trained_digest(folder / ADAPTER) != trained.digest:
        raise TornContent(f"what was trained at {trained.prefix} differs from its recorded digest")
    return folder / ADAPTER
