"""Which weights are trained, and in which precision the base model lies in memory."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from tunewright_api.base import ApiModel, Boolean, Integer, Number, cel


class TuningType(StrEnum):
    """What is trained."""

    LORA = "LoRA"
    PROMPT_TUNING = "PromptTuning"
    PREFIX_TUNING = "PrefixTuning"
    FULL = "Full"


class Quantization(StrEnum):
    """Precision of the frozen base model. LoRA on NF4 is QLoRA."""

    NONE = "None"
    NF4 = "NF4"
    INT8 = "INT8"


PROMPT_LEARNING = (TuningType.PROMPT_TUNING, TuningType.PREFIX_TUNING)
"""Types that put trained tokens before the prompt and leave the model's weights alone."""
ModuleName = Annotated[str, Field(max_length=128, min_length=1)]

_LORA_ONLY = "rank, alpha, dropout, dora, rslora and targetModules belong to type LoRA: remove them, or change the type"
_VIRTUAL_ONLY = "virtualTokens belongs to the types PromptTuning and PrefixTuning: remove it, or change the type"
_FULL_PRECISION = "type Full trains every weight, and quantised weights cannot be trained: remove quantization"
_DORA_ON_INT8 = (
    "dora cannot be trained on INT8 (PEFT fails to read its weights back): set quantization to NF4, or leave it out"
)


class Tuning(ApiModel):
    """The weights that are trained."""

    model_config = {
        "json_schema_extra": cel(
            (
                "!has(self.type) || self.type == 'LoRA' || !(has(self.rank) || has(self.alpha) || has(self.dropout) || has(self.targetModules) || (has(self.dora) && self.dora) || (has(self.rslora) && self.rslora))",
                _LORA_ONLY,
            ),
            (
                "!has(self.virtualTokens) || (has(self.type) && self.type in ['PromptTuning', 'PrefixTuning'])",
                _VIRTUAL_ONLY,
            ),
            (
                "!has(self.type) || self.type != 'Full' || !has(self.quantization) || self.quantization == 'None'",
                _FULL_PRECISION,
            ),
            (
                "!has(self.dora) || !self.dora || !has(self.quantization) || self.quantization != 'INT8'",
                _DORA_ON_INT8,
            ),
        )
    }

    type: TuningType = TuningType.LORA
    """LoRA trains two small matrices beside each chosen weight; everything else stays as it is. PromptTuning trains tokens that stand before every prompt, PrefixTuning what attention sees of such tokens in each layer. Full trains every weight, and publishes the whole model. Default: LoRA."""
    quantization: Quantization = Quantization.NONE
    """NF4 keeps the frozen base model in 4 bits with double quantisation (QLoRA): a quarter of the memory. INT8 keeps it in 8 bits: half of it. Default: None."""
    rank: Annotated[Integer, Field(ge=1, le=512)] | None = None
    """LoRA only: rank of the two matrices. Default: 16."""
    alpha: Annotated[Integer, Field(ge=1, le=4096)] | None = None
    """LoRA only: scale of the adapter; its effect is alpha / rank, with rslora alpha / √rank. Default: twice the rank, with rslora twice its root."""
    dropout: Annotated[Number, Field(ge=0, lt=1)] | None = None
    """LoRA only: share of adapter inputs dropped in training. Default: 0."""
    dora: Boolean = False
    """LoRA only: train length and direction of each weight apart (DoRA); a quarter slower, and vLLM cannot serve it. Default: false."""
    rslora: Boolean = False
    """LoRA only: scale by the root of the rank (rsLoRA), so that ranks above 32 learn more. Default: false."""
    virtual_tokens: Annotated[Integer, Field(ge=1, le=1024)] | None = None
    """PromptTuning and PrefixTuning only: trained tokens before each prompt. Default: 20."""
    target_modules: (
        Annotated[
            list[ModuleName], Field(min_length=1, max_length=64, json_schema_extra={"x-kubernetes-list-type": "set"})
        ]
        | None
    ) = None
    """LoRA only: names of the linear modules that get an adapter. Default: all attention and MLP projections of the model's family."""

    @model_validator(mode="after")
    def _fields_belong_to_type(self) -> Self:
        lora = (self.rank, self.alpha, self.dropout, self.target_modules, self.dora or None, self.rslora or None)
        problems = []
        if self.type is not TuningType.LORA and any(value is not None for value in lora):
            problems.append(_LORA_ONLY)
        if not self.is_prompt_learning and self.virtual_tokens is not None:
            problems.append(_VIRTUAL_ONLY)
        if self.is_full and self.quantization is not Quantization.NONE:
            problems.append(_FULL_PRECISION)
        if self.dora and self.quantization is Quantization.INT8:
            problems.append(_DORA_ON_INT8)
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def is_full(self) -> bool:
        """Whether the model's own weights are trained."""
        return self.type is TuningType.FULL

    @property
    def is_prompt_learning(self) -> bool:
        """Whether tokens before the prompt are trained, and no weight of the model."""
        return self.type in PROMPT_LEARNING

    @property
    def method_name(self) -> str:
        """The name people use: QLoRA for LoRA on NF4."""
        name = "DoRA" if self.dora else "rsLoRA" if self.rslora else str(self.type)
        if self.quantization is Quantization.NONE:
            return name
        return "QLoRA" if (name, self.quantization) == ("LoRA", Quantization.NF4) else f"{name} on {self.quantization}"
