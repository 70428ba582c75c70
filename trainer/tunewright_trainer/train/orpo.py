"""Odds-ratio preference optimisation: learn the chosen answer, and to prefer it, at once. There is no reference model."""

from typing import Any

from trl.experimental.orpo import ORPOConfig, ORPOTrainer

from tunewright_trainer.train.arguments import build, common_arguments
from tunewright_trainer.train.recipe import Material
from tunewright_trainer.train.tables import table

COLUMNS = ("prompt", "chosen", "rejected")
ENDS = 8
"""TRL takes a missing maximum length for 512, and adds a first and a last token where it finds none."""


def make_trainer(material: Material) -> Any:
    """A TRL trainer for preference rows. It is given the adapter ready made: TRL's own way casts norms and adapters of a quantised model."""
    return ORPOTrainer(
        model=material.model,
        args=build(
            ORPOConfig,
            {
                **common_arguments(material),
                "max_length": material.settings.max_length + ENDS,
                "beta": material.settings.beta,
            },
            material,
        ),
        train_dataset=table(material.train_rows, COLUMNS),
        eval_dataset=table(material.validation_rows, COLUMNS),
        processing_class=material.tokenizer,
    )
