"""Supervised fine-tuning: learn to give the answers of the data. Only the answer is learned, never the question; a plain text is learned whole."""

from typing import Any

from datasets import Dataset
from trl import SFTConfig, SFTTrainer  # type: ignore[attr-defined]

from tunewright_trainer.train.arguments import build, common_arguments
from tunewright_trainer.train.recipe import Material
from tunewright_trainer.train.tokens import Row, encode, learned_answer


def make_trainer(material: Material) -> Any:
    """A TRL trainer for rows that are tokens already: so that what was measured is what is trained on, tools and plain texts too."""
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
        train_dataset=_dataset(material.train_rows, material.tokenizer),
        eval_dataset=_dataset(material.validation_rows, material.tokenizer) if material.validation_rows else None,
        processing_class=material.tokenizer,
    )


def _dataset(rows: list[Row], tokenizer: Any) -> Dataset:
    encoded = [encode(row, learned_answer(row), tokenizer) for row in rows]
    return Dataset.from_list([{"input_ids": each.ids, "completion_mask": each.mask} for each in encoded])
