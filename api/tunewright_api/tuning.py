"""Which weights are trained, and in which precision the base model lies in memory."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from tunewright_api.base import ApiModel, Integer, Number


class TuningType(StrEnum):
    """What is trained."""

    LORA = "LoRA"


class Quantization(StrEnum):
    """Precision of the frozen base model. LoRA on NF4 is QLoRA."""

    NONE = "None"
    NF4 = "NF4"


ModuleName = Annotated[str, Field(max_length=128, min_length=1)]


class Tuning(ApiModel):
    """The adapter that is trained."""

    type: TuningType = TuningType.LORA
    """LoRA trains two small matrices beside each chosen weight; everything else stays as it is. Default: LoRA."""
    quantization: Quantization = Quantization.NONE
    """NF4 keeps the frozen base model in 4 bits with double quantisation (QLoRA): a quarter of the memory. Default: None."""
    rank: Annotated[Integer, Field(ge=1, le=512)] | None = None
    """Rank of the two matrices. Default: 16."""
    alpha: Annotated[Integer, Field(ge=1, le=4096)] | None = None
    """Scale of the adapter; its effect is alpha / rank. Default: twice the rank."""
    dropout: Annotated[Number, Field(ge=0, lt=1)] | None = None
    """Share of adapter inputs dropped in training. Default: 0."""
    target_modules: (
        Annotated[
            list[ModuleName], Field(min_length=1, max_length=64, json_schema_extra={"x-kubernetes-list-type": "set"})
        ]
        | None
    ) = None
    """Names of the linear modules that get an adapter. Default: all attention and MLP projections of the model's family."""

    @property
    def method_name(self) -> str:
        """The name people use: QLoRA for LoRA on NF4."""
        return "QLoRA" if self.quantization is Quantization.NF4 else str(self.type)
