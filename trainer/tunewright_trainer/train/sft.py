"""Supervised fine-tuning: learn to give the answers of the data. Only the answer is learned, never the question; a plain text is learned whole."""

from typing import Any

from trl import SFTConfig, SFTTrainer  # type: ignore[attr-defined]

from tunewright_trainer.train.arguments import UNCUT, build, common_arguments
from tunewright_trainer.train.recipe import Material
from tunewright_trainer.train.tables import tokens


def make_trainer(material: Material) -> Any:
    """A TRL trainer for rows that are tokens already: so that what was measured is what is trained on, tools and plain texts too."""
    return SFTTrainer(
        model=material.model,
        args=build(
            SFTConfig,
            {**common_arguments(material), **UNCUT, "completion_only_loss": True, "packing": False},
            material,
        ),
        train_dataset=tokens(material.train_rows, material.tokenizer),
        eval_dataset=tokens(material.validation_rows, material.tokenizer),
        processing_class=material.tokenizer,
    )
