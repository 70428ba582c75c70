"""What the recipes share that have the model write answers of its own."""

from typing import Any

from tunewright_trainer.shell.errors import InvalidData, InvalidSpec
from tunewright_trainer.train.arguments import common_arguments
from tunewright_trainer.train.recipe import Material
from tunewright_trainer.train.tokens import Row

VALIDATION_PROMPTS = 64
"""Held-out prompts that are answered at the end of training: writing an answer costs far more than scoring one."""


def writing_arguments(material: Material) -> dict[str, Any]:
    """What these recipes tell TRL. Raises InvalidData for rows with tools: TRL would leave them out of what the model is asked."""
    tooled = next((row["id"] for row in material.train_rows + material.validation_rows if row.get("tools")), None)
    if tooled is not None:
        raise InvalidData(
            f"{tooled} has tools, and method {material.stage.method} cannot show them to the model: leave tools out"
        )
    return {**common_arguments(material), "max_completion_length": material.settings.max_new_tokens}


def rewarded_arguments(material: Material) -> dict[str, Any]:
    """What these recipes tell TRL when answers are held against each other. Raises InvalidSpec when a step would need more prompts than there are."""
    settings, rows = material.settings, len(material.train_rows)
    prompts = settings.batch_size // settings.generations
    if prompts > rows:
        raise InvalidSpec(
            f"stages[{material.stage.name}].hyperparameters.batchSize: {settings.batch_size} answers, {settings.generations} to a prompt, need {prompts} prompts, and there are {rows}; lower batchSize"
        )
    return {
        **writing_arguments(material),
        # All answers to a prompt have to be in one batch.
        "per_device_eval_batch_size": settings.generations,
        "num_generations": settings.generations,
        "beta": settings.beta,
        "reward_weights": [reward.weight or 1.0 for reward in material.stage.rewards or []],
    }


def validation(material: Material) -> list[Row]:
    """The held-out rows that are answered."""
    return material.validation_rows[:VALIDATION_PROMPTS]
