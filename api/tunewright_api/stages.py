"""The stages of training, each with its method and data."""

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from tunewright_api.base import ApiModel, FreeForm, Integer, Number, cel, matching
from tunewright_api.datasets import Dataset, DatasetFormat
from tunewright_api.training_arguments import denied


class Method(StrEnum):
    """How a stage learns."""

    SFT = "SFT"
    DPO = "DPO"


class Hyperparameters(ApiModel):
    """Numbers of training. Whatever is left out is chosen from data and model, and echoed in status.resolved with the reason."""

    model_config = {
        "json_schema_extra": cel(
            (
                "!has(self.batchSize) || !has(self.microBatchSize) || self.batchSize % self.microBatchSize == 0",
                "batchSize must be a multiple of microBatchSize",
            )
        )
    }

    epochs: Annotated[Number, Field(gt=0, le=1000)] | None = None
    """Passes over the training rows. Default: 3 for SFT, 1 for DPO."""
    max_steps: Annotated[Integer, Field(ge=1, le=10_000_000)] | None = None
    """Stop after this many optimizer steps, whatever `epochs` says."""
    learning_rate: Annotated[Number, Field(gt=0, le=1)] | None = None
    """Peak learning rate. Default: 2e-4 for SFT, 5e-6 for DPO."""
    batch_size: Annotated[Integer, Field(ge=1, le=65536)] | None = None
    """Rows for one optimizer step. Default: 16, less where the data set is small."""
    micro_batch_size: Annotated[Integer, Field(ge=1, le=4096)] | None = None
    """Rows in memory at once; must divide batchSize. Default: the largest of 8, 4, 2, 1 that divides batchSize."""
    max_length: Annotated[Integer, Field(ge=16, le=1_048_576)] | None = None
    """Longest row in tokens; longer ones are refused, never cut. Default: the longest row of the data, up to the model's context."""
    warmup_steps: Annotated[Integer, Field(ge=0, le=1_000_000)] | None = None
    """Steps until the learning rate reaches its peak. Default: a tenth of all steps."""
    weight_decay: Annotated[Number, Field(ge=0, le=1)] | None = None
    """Default: 0."""
    beta: Annotated[Number, Field(gt=0, le=100)] | None = None
    """DPO only: how closely the model is held to its starting point. Default: 0.1."""
    checkpoint_steps: Annotated[Integer, Field(ge=1, le=1_000_000)] | None = None
    """Upload a checkpoint after each so many steps. Default: a tenth of all steps, at least 10."""

    @model_validator(mode="after")
    def _micro_batch_divides(self) -> Self:
        if self.batch_size and self.micro_batch_size and self.batch_size % self.micro_batch_size:
            raise ValueError(
                f"batchSize {self.batch_size} must be a multiple of microBatchSize {self.micro_batch_size}"
            )
        return self


class Stage(ApiModel):
    """One pass of training. Each stage goes on with the adapter of the one before, on the original base model."""

    model_config = {
        "json_schema_extra": cel(
            (
                "self.method == 'DPO' || !has(self.hyperparameters) || !has(self.hyperparameters.beta)",
                "hyperparameters.beta belongs to method DPO: remove it, or change the method",
            ),
            (
                "self.method != 'DPO' || !has(self.dataset.format) || self.dataset.format in ['Auto', 'Preference']",
                "method DPO reads preference rows: set dataset.format to Preference or leave it out",
            ),
            (
                "self.method != 'SFT' || !has(self.dataset.format) || self.dataset.format != 'Preference'",
                "method SFT cannot learn from preference rows: use method DPO for them",
            ),
        )
    }

    name: Annotated[
        str,
        Field(max_length=12),
        *matching(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", "must be lower-case letters, digits and dashes, such as sft"),
    ]
    """Name of the stage; its step is called train-<name>."""
    method: Method
    """SFT learns to give the answers of the data; DPO learns to prefer the chosen answer over the rejected one."""
    dataset: Dataset
    """The rows to learn from."""
    hyperparameters: Hyperparameters | None = None
    """Numbers of training, all of them optional."""
    training_arguments: Annotated[FreeForm, Field(max_length=64)] | None = None
    """Further settings of TRL's SFTConfig or DPOConfig, by their own names. An unknown name is an error."""

    @model_validator(mode="after")
    def _arguments_are_allowed(self) -> Self:
        problems = denied(self.training_arguments or {})
        beta: Any = self.hyperparameters.beta if self.hyperparameters else None
        if beta is not None and self.method is not Method.DPO:
            problems.append("hyperparameters.beta belongs to method DPO: remove it, or change the method")
        if self.method is Method.DPO and self.dataset.format not in {DatasetFormat.AUTO, DatasetFormat.PREFERENCE}:
            problems.append("method DPO reads preference rows: set dataset.format to Preference or leave it out")
        if self.method is Method.SFT and self.dataset.format is DatasetFormat.PREFERENCE:
            problems.append("method SFT cannot learn from preference rows: use method DPO for them")
        if problems:
            raise ValueError("; ".join(problems))
        return self
