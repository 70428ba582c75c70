"""Supervised fine-tuning: learn to give the answers of the data. Only the answer is learned, never the question."""

from typing import Any

from datasets import Dataset
from trl import SFTConfig, SFTTrainer  # type: ignore[attr-defined]

from tunewright_trainer.train.arguments import build, common_arguments
from tunewright_trainer.train.recipe import Material

COLUMNS = ("prompt", "completion")


def make_trainer(material: Material) -> Any:
    """A TRL trainer for prompt/completion rows."""
    arguments = common_arguments(material.settings, material.output, material.seed, material.on_gpu)
    config = build(
        SFTConfig,
        {**arguments, "completion_only_loss": True, "packing": False},
        material.stage.training_arguments or {},
        material.stage.name,
    )
    return SFTTrainer(
        model=material.model,
        args=config,
        train_dataset=_dataset(material.train_rows),
        eval_dataset=_dataset(material.validation_rows) if material.validation_rows else None,
        processing_class=material.tokenizer,
    )


def _dataset(rows: list[dict[str, Any]]) -> Dataset:
    return Dataset.from_list([{column: row[column] for column in COLUMNS} for row in rows])
