"""Direct preference optimisation: learn to prefer the chosen answer. The reference is the model that the stage starts from."""

from typing import Any

from datasets import Dataset, Features, Json
from trl import DPOConfig, DPOTrainer  # type: ignore[attr-defined]

from tunewright_trainer.train.arguments import build, common_arguments
from tunewright_trainer.train.recipe import Material

COLUMNS = ("prompt", "chosen", "rejected")


def make_trainer(material: Material) -> Any:
    """A TRL trainer for preference rows. It gets a PeftModel, so TRL freezes a copy of the adapter as the reference."""
    arguments = common_arguments(material.settings, material.output, material.seed, material.on_gpu)
    config = build(
        DPOConfig,
        {**arguments, "beta": material.settings.beta},
        material.stage.training_arguments or {},
        material.stage.name,
    )
    return DPOTrainer(
        model=material.model,
        args=config,
        train_dataset=_dataset(material.train_rows),
        eval_dataset=_dataset(material.validation_rows) if material.validation_rows else None,
        processing_class=material.tokenizer,
    )


def _dataset(rows: list[dict[str, Any]]) -> Dataset:
    # As JSON: Arrow would give each message and each call all the keys of all others, and templates would render them.
    columns = [*COLUMNS, "tools"]
    return Dataset.from_list(
        [{column: row.get(column) for column in columns} for row in rows],
        features=Features({column: Json() for column in columns}),
    )
