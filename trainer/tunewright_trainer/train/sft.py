"""Supervised fine-tuning: learn to give the answers of the data. Only the answer is learned, never the question."""

from typing import Any

from trl import SFTConfig, SFTTrainer  # type: ignore[attr-defined]

from tunewright_trainer.train.arguments import UNCUT, build, common_arguments
from tunewright_trainer.train.recipe import Material
from tunewright_trainer.train.tables import table

COLUMNS = ("prompt", "completion")


def make_trainer(material: Material) -> Any:
    """A TRL trainer for prompt/completion rows."""
    return SFTTrainer(
        model=material.model,
        args=build(
            SFTConfig,
            {**common_arguments(material), **UNCUT, "completion_only_loss": True, "packing": False},
            material,
        ),
        train_dataset=table(material.train_rows, COLUMNS),
        eval_dataset=table(material.validation_rows, COLUMNS),
        processing_class=material.tokenizer,
    )
