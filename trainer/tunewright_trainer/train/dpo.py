"""Direct preference optimisation: learn to prefer the chosen answer. The reference is the model that the stage starts from."""

from typing import Any

from trl import DPOConfig, DPOTrainer  # type: ignore[attr-defined]

from tunewright_trainer.train.arguments import UNCUT, build, common_arguments
from tunewright_trainer.train.recipe import Material
from tunewright_trainer.train.tables import table

COLUMNS = ("prompt", "chosen", "rejected")


def make_trainer(material: Material) -> Any:
    """A TRL trainer for preference rows. Of an adapter TRL freezes a copy as the reference; for Full it loads the starting weights again."""
    return DPOTrainer(
        model=material.model,
        args=build(
            DPOConfig,
            {**common_arguments(material), **UNCUT, "beta": material.settings.beta},
            material,
        ),
        train_dataset=table(material.train_rows, COLUMNS),
        eval_dataset=table(material.validation_rows, COLUMNS),
        processing_class=material.tokenizer,
    )
