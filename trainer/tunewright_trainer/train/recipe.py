"""What the recipes share: everything around the few lines in which they differ."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformers import PrinterCallback

from tunewright_api.stages import Stage
from tunewright_api.tuning import Tuning
from tunewright_trainer.shell.errors import InvalidSpec
from tunewright_trainer.train.adapters import trainable_dtypes, use_full_precision
from tunewright_trainer.train.callbacks import ReportProgress, StopWhenAsked, UploadCheckpoints
from tunewright_trainer.train.checkpoints import Checkpoints
from tunewright_trainer.train.hyperparameters import Settings
from tunewright_trainer.train.tokenizer import first_line
from tunewright_trainer.train.tokens import Row

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Material:
    """All that a recipe builds its trainer from."""

    stage: Stage
    tuning: Tuning
    settings: Settings
    seed: int
    model: Any
    """The base model with the adapter that is trained; for Full the model itself, for Reward a scorer."""
    tokenizer: Any
    train_rows: list[Row]
    validation_rows: list[Row]
    output: Path
    on_gpu: bool
    rewards: list[Any] = field(default_factory=list)
    """For methods that are rewarded: functions as TRL calls them."""
    teacher: Any = None
    """For distillation: the model that is learned from."""


Recipe = Callable[[Material], Any]
"""Builds a TRL trainer."""


def assemble(build: Recipe, material: Material, checkpoints: Checkpoints) -> Any:
    """The recipe's trainer with our callbacks, what it trains in float32."""
    try:
        trainer = build(material)
    except (ValueError, TypeError, ImportError, NotImplementedError) as error:
        if not material.stage.training_arguments:
            raise
        raise InvalidSpec(
            f"stages[{material.stage.name}].trainingArguments: TRL cannot train with them: {first_line(error)}"
        ) from error
    use_full_precision(trainer.model)
    # It prints: between lines of JSON in a pod's log, between progress bars on a terminal.
    trainer.remove_callback(PrinterCallback)
    context, every = checkpoints.context, steps_between_boundaries(trainer.args)
    trainer.args.save_steps = math.ceil(trainer.args.save_steps / every) * every
    trainer.add_callback(ReportProgress(context.telemetry, material.settings, material.stage.name))
    trainer.add_callback(UploadCheckpoints(checkpoints, context.telemetry))
    trainer.add_callback(StopWhenAsked(every))
    return trainer


def steps_between_boundaries(arguments: Any) -> int:
    """Optimizer steps from one generation of answers to the next; 1 unless the user has them used several times. What lies between is not in a checkpoint: a resume there would write new answers."""
    micro_steps = int(getattr(arguments, "steps_per_generation", 0) or 1) * int(
        getattr(arguments, "num_iterations", 0) or 1
    )
    return micro_steps // math.gcd(micro_steps, int(arguments.gradient_accumulation_steps))


def train(trainer: Any, checkpoint: Path | None) -> None:
    """Train to the end, from the beginning or from a checkpoint."""
    before = trainable_dtypes(trainer.model)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    after = trainable_dtypes(trainer.model)
    if before != after:
        raise RuntimeError(f"the precision of the adapter changed while training: {before} before, {after} after")
