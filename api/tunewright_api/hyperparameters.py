"""The numbers of training. All of them are optional: what is left out is chosen from data and model."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from tunewright_api.base import ApiModel, Integer, Number, cel

_DIVISION = "batchSize must be a multiple of microBatchSize"
_GROUPS = "batchSize counts answers: it must be a multiple of generations"


class Hyperparameters(ApiModel):
    """Numbers of training. Whatever is left out is chosen from data and model, and echoed in status.resolved with the reason."""

    model_config = {
        "json_schema_extra": cel(
            (
                "!has(self.batchSize) || !has(self.microBatchSize) || self.batchSize % self.microBatchSize == 0",
                _DIVISION,
            ),
            (
                "!has(self.batchSize) || !has(self.generations) || self.batchSize % self.generations == 0",
                _GROUPS,
            ),
        )
    }

    epochs: Annotated[Number, Field(gt=0, le=1000)] | None = None
    """Passes over the training rows. Default: 3 for SFT, 1 for the others."""
    max_steps: Annotated[Integer, Field(ge=1, le=10_000_000)] | None = None
    """Stop after this many optimizer steps, whatever `epochs` says."""
    learning_rate: Annotated[Number, Field(gt=0, le=1)] | None = None
    """Peak learning rate. Default: for LoRA 2e-4 in SFT, 5e-6 in DPO, and so on by method; a tenth of it for Full, more for prompt learning."""
    batch_size: Annotated[Integer, Field(ge=1, le=65536)] | None = None
    """Rows for one optimizer step; for GRPO and RLOO answers, a multiple of `generations`. Default: 16, less where the data set is small; for GRPO and RLOO eight prompts with all their answers."""
    micro_batch_size: Annotated[Integer, Field(ge=1, le=4096)] | None = None
    """Rows in memory at once; must divide batchSize. Default: the largest of 8, 4, 2, 1 that divides batchSize."""
    max_length: Annotated[Integer, Field(ge=16, le=1_048_576)] | None = None
    """Longest row in tokens; longer ones are refused, never cut. Default: the longest row of the data, up to the model's context."""
    warmup_steps: Annotated[Integer, Field(ge=0, le=1_000_000)] | None = None
    """Steps until the learning rate reaches its peak. Default: a tenth of all steps."""
    weight_decay: Annotated[Number, Field(ge=0, le=1)] | None = None
    """Default: 0."""
    beta: Annotated[Number, Field(ge=0, le=100)] | None = None
    """DPO, KTO, GRPO and RLOO: how closely the model is held to its starting point. ORPO: weight of the preference beside the answer. Distillation: 0 covers all that the teacher would say, 1 what it would say most, and what lies between mixes the two. Default: 0.1; 0 for GRPO, 0.05 for RLOO, 1 for Distillation."""
    generations: Annotated[Integer, Field(ge=2, le=256)] | None = None
    """GRPO and RLOO only: answers to each prompt, which are held against each other. Default: 8 for GRPO, 4 for RLOO."""
    max_new_tokens: Annotated[Integer, Field(ge=1, le=65536)] | None = None
    """GRPO, RLOO, SDFT and Distillation only: longest answer that the model gives in training, in tokens. Default: 256, less where the model's context is short."""
    checkpoint_steps: Annotated[Integer, Field(ge=1, le=1_000_000)] | None = None
    """Upload a checkpoint after each so many steps. Default: a tenth of all steps, at least 10."""

    @model_validator(mode="after")
    def _batches_divide(self) -> Self:
        problems = []
        if self.batch_size and self.micro_batch_size and self.batch_size % self.micro_batch_size:
            problems.append(f"batchSize {self.batch_size} must be a multiple of microBatchSize {self.micro_batch_size}")
        if self.batch_size and self.generations and self.batch_size % self.generations:
            problems.append(
                f"batchSize {self.batch_size} counts answers: it must be a multiple of generations {self.generations}"
            )
        if problems:
            raise ValueError("; ".join(problems))
        return self
