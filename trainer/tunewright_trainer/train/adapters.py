"""What is trained of a model: an adapter beside its weights, tokens before the prompt, or the weights themselves."""

from pathlib import Path
from typing import Any

import torch
from peft import (
    LoraConfig,
    PeftModel,
    PrefixTuningConfig,
    PromptTuningConfig,
    PromptTuningInit,
    get_peft_model,
    get_peft_model_state_dict,
    set_peft_model_state_dict,
)

from tunewright_api.tuning import Quantization, Tuning, TuningType
from tunewright_trainer.shell.errors import InvalidSpec
from tunewright_trainer.train.adapter_files import read_tensors
from tunewright_trainer.train.families import target_modules
from tunewright_trainer.train.hyperparameters import Settings
from tunewright_trainer.train.model import SCORE, load_scorer_base
from tunewright_trainer.train.tokenizer import first_line


def trained_model(base: Any, tuning: Tuning, settings: Settings, previous: Path | None) -> Any:
    """The policy that a stage trains: what the stage before has left in `previous`, or a fresh start. For Full, `base` is that already."""
    if tuning.is_full:
        return _all_weights(base)
    if previous is not None:
        return PeftModel.from_pretrained(base, str(previous), is_trainable=True)
    return _with_adapter(base, _config(base, tuning, settings))


def trained_scorer(base: Any, tuning: Tuning, settings: Settings, previous: Path | None) -> Any:
    """The scorer that a Reward stage trains: the chain's weights so far, with a head that gives one number."""
    if tuning.is_full:
        return _all_weights(base)
    config = _lora(base, tuning, settings)
    config.task_type, config.modules_to_save = "SEQ_CLS", [SCORE]
    model = _with_adapter(base, config)
    if previous is not None:
        # The chain has no head yet: the scorer keeps its fresh one.
        set_peft_model_state_dict(model, {**get_peft_model_state_dict(model), **read_tensors(previous)})
    return model


def scorer_in(folder: Path, model_folder: Path, tuning: Tuning) -> Any:
    """The scorer that a Reward stage has left in `folder`, to be asked; on the base model in the precision that it was trained on."""
    if tuning.is_full:
        model = load_scorer_base(folder, Quantization.NONE)
    else:
        model = PeftModel.from_pretrained(load_scorer_base(model_folder, tuning.quantization), str(folder))
    return model.requires_grad_(False).eval()


def _all_weights(model: Any) -> Any:
    """Float32, as an adapter: steps of a small learning rate are lost in bf16. The forward pass still runs in bf16."""
    return model.float().requires_grad_(True)


def _with_adapter(model: Any, config: Any) -> Any:
    try:
        return get_peft_model(model, config)
    except ValueError as error:
        raise InvalidSpec(f"spec.tuning.targetModules: {first_line(error)}") from error


def _config(model: Any, tuning: Tuning, settings: Settings) -> Any:
    if tuning.type is TuningType.PROMPT_TUNING:
        # Embeddings of real words to begin with: random ones are far from all that the model has seen.
        return PromptTuningConfig(
            task_type="CAUSAL_LM",
            num_virtual_tokens=settings.virtual_tokens,
            prompt_tuning_init=PromptTuningInit.SAMPLE_VOCAB,
        )
    if tuning.type is TuningType.PREFIX_TUNING:
        return PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=settings.virtual_tokens)
    return _lora(model, tuning, settings)


def _lora(model: Any, tuning: Tuning, settings: Settings) -> LoraConfig:
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        use_dora=tuning.dora,
        use_rslora=tuning.rslora,
        target_modules=target_modules(model.config.model_type, tuning.target_modules),
        bias="none",
        task_type="CAUSAL_LM",
    )


def use_full_precision(model: Any) -> None:
    """Train in float32. TRL casts an adapter to bf16 on a quantised base, PEFT loads it back as float32: resumed losses would differ."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.float32)


def trainable_dtypes(model: Any) -> set[torch.dtype]:
    """Precisions of what is trained; one, float32, unless something cast it."""
    return {parameter.dtype for parameter in model.parameters() if parameter.requires_grad}
