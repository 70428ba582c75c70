"""Loads the base model, in the precision that was asked for, to answer or to score."""

import os
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, BitsAndBytesConfig

from tunewright_api.tuning import Quantization
from tunewright_trainer.shell.errors import ModelUnavailable
from tunewright_trainer.train.tokenizer import first_line

SCORE = "score"
"""Name of the head that makes a scorer of a model."""


def on_gpu() -> bool:
    """Whether a CUDA device is there to train on."""
    return torch.cuda.is_available()


def load_base(folder: Path, quantization: Quantization) -> Any:
    """The base model in bf16, or quantised. Never float32, which is what a loader does when it is not told."""
    return _load(AutoModelForCausalLM, folder, quantization, "spec.model.uri")


def load_teacher(folder: Path) -> Any:
    """The teacher in bf16, frozen."""
    return _load(AutoModelForCausalLM, folder, Quantization.NONE, "teacher.uri").requires_grad_(False).eval()


def load_scorer_base(folder: Path, quantization: Quantization) -> Any:
    """The base model with a head that gives one number. A fresh head is random: seed before."""
    return _load(AutoModelForSequenceClassification, folder, quantization, "spec.model.uri", head=SCORE, num_labels=1)


def _load(
    kind: Any, folder: Path, quantization: Quantization, field: str, head: str | None = None, **options: Any
) -> Any:
    """`head` is a module that the weights may lack, and that is trained: it is never quantised."""
    try:
        loaded: Any = kind.from_pretrained(
            folder,
            output_loading_info=True,
            dtype=torch.bfloat16,
            device_map={"": 0 if on_gpu() else "cpu"},
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            **_quantised(quantization, head),
            **options,
        )
    except torch.cuda.OutOfMemoryError:
        raise
    except Exception as error:
        # Loaders raise whatever their file formats raise: OSError, KeyError, SafetensorError, ...
        raise ModelUnavailable(f"the model at {field} cannot be loaded: {first_line(error)}") from error
    model, loading = loaded
    missing = sorted(set(loading["missing_keys"]) - {f"{head}.weight"})
    if missing:
        # The loader fills them with random numbers and a warning.
        raise ModelUnavailable(
            f"the weights at {field} lack {len(missing)} of the tensors that config.json asks for, first {missing[0]}"
        )
    if quantization is not Quantization.NONE:
        _keep_gradients_after_evaluation(model)
    return model


def _quantised(quantization: Quantization, head: str | None) -> dict[str, Any]:
    if quantization is Quantization.NONE:
        return {}
    # Without a list, the loader leaves out the output embeddings by itself.
    skipped = [head] if head else None
    if quantization is Quantization.INT8:
        config = BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=skipped)  # type: ignore[no-untyped-call]
    else:
        config = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
            llm_int8_skip_modules=skipped,
        )
    return {"quantization_config": config}


def _keep_gradients_after_evaluation(model: Any) -> None:
    """On CPUs with AVX512-BF16, bitsandbytes repacks the weights in eval() for a kernel without autograd: training goes on and learns nothing."""
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def context_length(model: Any) -> int:
    """Longest sequence that the model was made for."""
    return int(getattr(model.config, "max_position_embeddings", 0) or 4096)


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
