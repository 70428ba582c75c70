"""Reinforce leave-one-out: write several answers to each prompt, and learn from how each is rewarded beside the mean of the others."""

from typing import Any

from trl import RLOOConfig, RLOOTrainer  # type: ignore[attr-defined]

from tunewright_trainer.train.arguments import build
from tunewright_trainer.train.recipe import Material
from tunewright_trainer.train.rollouts import rewarded_arguments, validation
from tunewright_trainer.train.tables import questions, table

COLUMNS = ("prompt", "answer")


def make_trainer(material: Material) -> Any:
    """A TRL trainer for prompts, with the stage's rewards."""
    return RLOOTrainer(
        model=material.model,
        reward_funcs=[*material.rewards],
        args=build(RLOOConfig, rewarded_arguments(material), material),
        train_dataset=table(questions(material.train_rows), COLUMNS),
        eval_dataset=table(questions(validation(material)), COLUMNS),
        processing_class=material.tokenizer,
    )
