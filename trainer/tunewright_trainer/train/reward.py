"""Reward modelling: learn to score the chosen answer above the rejected one. The scorer is what GRPO and RLOO learn from; it does not move the chain."""

from typing import Any

from trl import RewardConfig, RewardTrainer  # type: ignore[attr-defined]

from tunewright_trainer.train.arguments import UNCUT, build, common_arguments
from tunewright_trainer.train.recipe import Material
from tunewright_trainer.train.tables import table

COLUMNS = ("prompt", "chosen", "rejected")


def make_trainer(material: Material) -> Any:
    """A TRL trainer for preference rows, of a model whose head gives one number."""
    return RewardTrainer(
        model=material.model,
        args=build(RewardConfig, {**common_arguments(material), **UNCUT}, material),
        train_dataset=table(material.train_rows, COLUMNS),
        eval_dataset=table(material.validation_rows, COLUMNS),
        processing_class=material.tokenizer,
    )
