"""Distillation: write answers, and learn what the teacher would have said at each of their tokens."""

from typing import Any

from trl import DistillationConfig, DistillationTrainer  # type: ignore[attr-defined]

from tunewright_trainer.train.arguments import build
from tunewright_trainer.train.recipe import Material
from tunewright_trainer.train.rollouts import validation, writing_arguments
from tunewright_trainer.train.tables import table

COLUMNS = ("prompt",)


def make_trainer(material: Material) -> Any:
    """A TRL trainer for prompts, with the teacher beside it in memory."""
    return DistillationTrainer(
        model=material.model,
        teacher_model=material.teacher,
        args=build(DistillationConfig, {**writing_arguments(material), "beta": material.settings.beta}, material),
        train_dataset=table(material.train_rows, COLUMNS),
        eval_dataset=table(validation(material), COLUMNS),
        processing_class=material.tokenizer,
    )
