"""Self-distillation fine-tuning: learn what the base model answers when it is shown the row's answer. Its own words are a smaller step than the data's, and it forgets less."""

from typing import Any

from trl.experimental.sdft import SDFTConfig, SDFTTrainer

from tunewright_trainer.train.arguments import build
from tunewright_trainer.train.recipe import Material
from tunewright_trainer.train.rollouts import validation, writing_arguments
from tunewright_trainer.train.tables import reference, table
from tunewright_trainer.train.tokens import Row

COLUMNS = ("prompt", "privileged_context")


def make_trainer(material: Material) -> Any:
    """A TRL trainer for prompts with their answers. The teacher is the model without its adapter; for Full TRL loads the starting weights again."""
    return SDFTTrainer(
        model=material.model,
        args=build(
            SDFTConfig,
            # TRL would cut prompts at 512 tokens without a word.
            {**writing_arguments(material), "max_prompt_length": None, "num_generations": 1},
            material,
        ),
        train_dataset=table(_shown(material.train_rows), COLUMNS),
        eval_dataset=table(_shown(validation(material)), COLUMNS),
        processing_class=material.tokenizer,
    )


def _shown(rows: list[Row]) -> list[Row]:
    return [{"prompt": row["prompt"], "privileged_context": reference(row)} for row in rows]
