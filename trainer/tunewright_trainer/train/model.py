"""Loads base model, tokenizer and adapter, in the precision that was asked for."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from tunewright_api.tuning import Quantization, Tuning
from tunewright_trainer.shell.errors import InvalidSpec, ModelUnavailable
from tunewright_trainer.train.families import target_modules
from tunewright_trainer.train.hyperparameters import Settings
from tunewright_trainer.train.tokenizer import first_line


def on_gpu() -> bool:
    """Whether a CUDA device is there to train on."""
    return torch.cuda.is_available()


def load_base(folder: Path, quantization: Quantization) -> Any:
    """The base model in bf16, or in NF4 with double quantisation. Never float32, which is what a loader does when it is not told."""
    four_bit = quantization is Quantization.NF4
    options: dict[str, Any] = {}
    if four_bit:
        options["quantization_config"] = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            output_loading_info=True,
            dtype=torch.bfloat16,
            device_map={"": 0 if on_gpu() else "cpu"},
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            **options,
        )
    except torch.cuda.OutOfMemoryError:
        raise
    except Exception as error:
        # Loaders raise whatever their file formats raise: OSError, KeyError, SafetensorError, ...
        raise ModelUnavailable(f"the model at spec.model.uri cannot be loaded: {first_line(error)}") from error
    model, loading = loaded
    missing = sorted(loading["missing_keys"])
    if missing:
        # The loader fills them with random numbers and a warning.
        raise ModelUnavailable(
            f"the weights at spec.model.uri lack {len(missing)} of the tensors that config.json asks for, first {missing[0]}"
        )
    if four_bit:
        _keep_gradients_after_evaluation(model)
    return model


def _keep_gradients_after_evaluation(model: Any) -> None:
    """On CPUs with AVX512-BF16, bitsandbytes repacks the weights in eval() for a kernel without autograd: training goes on and learns nothing."""
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def context_length(model: Any) -> int:
    """Longest sequence that the model was made for."""
    return int(getattr(model.config, "max_position_embeddings", 0) or 4096)


def new_adapter(model: Any, tuning: Tuning, settings: Settings) -> Any:
    """A fresh LoRA adapter on the base model."""
    modules = target_modules(model.config.model_type, tuning.target_modules)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=modules,
        bias="none",
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(model, config)
    except ValueError as error:
        raise InvalidSpec(f"spec.tuning.targetModules: {first_line(error)}") from error


def continued_adapter(model: Any, folder: Path) -> Any:
    """The adapter of the stage before, to be trained further."""
    return PeftModel.from_pretrained(model, str(folder), is_trainable=True)


def use_full_precision_adapter(model: Any) -> None:
    """Train the adapter in float32. TRL casts it to bf16 on a quantised base, PEFT loads it back as float32: resumed losses would differ."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.float32)


def trainable_dtypes(model: Any) -> set[torch.dtype]:
    """Precisions of what is trained; one, float32, unless something cast it."""
    return {parameter.dtype for parameter in model.parameters() if parameter.requires_grad}


def read_config(folder: Path) -> dict[str, Any]:
    """The model's config.json."""
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return config


def keep_offline(scratch: Path) -> None:
    """Nothing is fetched while a step runs, and caches stay on scratch."""
    os.environ.update(
        HF_HUB_OFFLINE="1",
        TRANSFORMERS_OFFLINE="1",
        HF_DATASETS_OFFLINE="1",
        HF_HUB_DISABLE_TELEMETRY="1",
        TOKENIZERS_PARALLELISM="false",
        TRL_EXPERIMENTAL_SILENCE="1",
    )
    os.environ.setdefault("HF_HOME", str(scratch / "huggingface"))
