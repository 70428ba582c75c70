"""What the recipes share: everything around the two lines in which they differ."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PrinterCallback

from tunewright_api.stages import Stage
from tunewright_trainer.shell.errors import InvalidSpec
from tunewright_trainer.train.callbacks import ReportProgress, StopWhenAsked, UploadCheckpoints
from tunewright_trainer.train.checkpoints import Checkpoints
from tunewright_trainer.train.hyperparameters import Settings
from tunewright_trainer.train.model import trainable_dtypes, use_full_precision_adapter
from tunewright_trainer.train.tokens import Row

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Material:
    """All that a recipe builds its trainer from."""

    stage: Stage
    settings: Settings
    seed: int
    model: Any
    """The base model with the adapter that is trained."""
    tokenizer: Any
    train_rows: list[Row]
    validation_rows: list[Row]
    output: Path
    on_gpu: bool


Recipe = Callable[[Material], Any]
"""Builds a TRL trainer."""


def assemble(build: Recipe, material: Material, checkpoints: Checkpoints) -> Any:
    """The recipe's trainer with our callbacks, its adapter in float32."""
    try:
        trainer = build(material)
    except (ValueError, TypeError, ImportError, NotImplementedError) as error:
        if not material.stage.training_arguments:
            raise
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        raise InvalidSpec(
            f"stages[{material.stage.name}].trainingArguments: TRL cannot train with them: {first}"
        ) from error
    use_full_precision_adapter(trainer.model)
    # It prints: between lines of JSON in a pod's log, between progress bars on a terminal.
    trainer.remove_callback(PrinterCallback)
    context = checkpoints.context
    trainer.add_callback(ReportProgress(context.telemetry, material.settings, material.stage.name))
    trainer.add_callback(UploadCheckpoints(checkpoints, context.telemetry))
    trainer.add_callback(StopWhenAsked())
    return trainer


def train(trainer: Any, checkpoint: Path | None) -> None:
    """Train to the end, from the beginning or from a checkpoint."""
    before = trainable_dtypes(trainer.model)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    after = trainable_dtypes(trainer.model)
    if before != after:
        raise RuntimeError(f"the precision of the adapter changed while training: {before} before, {after} after")
