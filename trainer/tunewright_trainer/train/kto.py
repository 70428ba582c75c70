"""Kahneman-Tversky optimisation: learn from single answers that are labelled good or bad. The reference is the model that the stage starts from."""

from typing import Any

from trl import KTOConfig, KTOTrainer  # type: ignore[attr-defined]

from tunewright_trainer.train.arguments import UNCUT, build, common_arguments
from tunewright_trainer.train.recipe import Material
from tunewright_trainer.train.tables import mixed, single_answers, table

COLUMNS = ("prompt", "completion", "label")


def make_trainer(material: Material) -> Any:
    """A TRL trainer for labelled rows. TRL reads them in order, and would take pairs apart into all good answers, then all bad ones: so we mix them."""
    batch = material.settings.micro_batch_size
    train, validation = (
        mixed(single_answers(rows), batch, material.seed) for rows in (material.train_rows, material.validation_rows)
    )
    return KTOTrainer(
        model=material.model,
        args=build(
            KTOConfig,
            {**common_arguments(material), **UNCUT, "beta": material.settings.beta},
            material,
        ),
        train_dataset=table(train, COLUMNS),
        eval_dataset=table(validation, COLUMNS),
        processing_class=material.tokenizer,
    )
