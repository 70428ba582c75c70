"""From settings to a TRL config. A key that TRL does not know is an error: dropped, it would be a silent change of the run."""

from dataclasses import fields
from typing import Any

from tunewright_trainer.shell.errors import InvalidSpec
from tunewright_trainer.train.recipe import Material

NOT_WITH_VIRTUAL_TOKENS = {
    "packing": "only the first row of each pack would get the trained tokens",
    "padding_free": "only the first row of each batch would get the trained tokens",
    "activation_checkpointing": "a trained prefix is a cache, which is not recomputed",
    "gradient_checkpointing": "a trained prefix is a cache, which is not recomputed",
}


UNCUT: dict[str, Any] = {"max_length": None}
"""Rows that are too long are refused by name before; TRL would cut them at 1024 without a word."""


def common_arguments(material: Material) -> dict[str, Any]:
    """What all recipes tell TRL."""
    settings, on_gpu = material.settings, material.on_gpu
    # Recomputing activations buys memory with a fifth of the time; a CPU has the memory. A trained prefix is a cache, which is not recomputed.
    recompute = on_gpu and not material.tuning.is_prompt_learning
    return {
        "output_dir": str(material.output),
        "max_steps": settings.total_steps,
        "per_device_train_batch_size": settings.micro_batch_size,
        "per_device_eval_batch_size": settings.micro_batch_size,
        "gradient_accumulation_steps": settings.accumulation_steps,
        "learning_rate": settings.learning_rate,
        "warmup_steps": settings.warmup_steps,
        "weight_decay": settings.weight_decay,
        "save_strategy": "steps",
        "save_steps": settings.checkpoint_steps,
        "save_total_limit": 1,
        "eval_strategy": "no",
        "logging_steps": 1,
        # Else a loss that is no number is shown as 0, and a diverged run looks healthy.
        "logging_nan_inf_filter": False,
        "seed": material.seed,
        "data_seed": material.seed,
        "bf16": True,
        "use_cpu": not on_gpu,
        "dataloader_pin_memory": on_gpu,
        "activation_checkpointing": recompute,
        "report_to": "none",
        "disable_tqdm": True,
    }


def build(config_class: type[Any], arguments: dict[str, Any], material: Material) -> Any:
    """A TRL config of `arguments` and the user's own for the stage."""
    extra, stage = material.stage.training_arguments or {}, material.stage.name
    known = {field.name for field in fields(config_class) if field.init}
    for key in extra:
        # Prepare has looked at TRL's source for this, and named the nearest; this is what counts.
        if key not in known:
            raise InvalidSpec(f"stages[{stage}].trainingArguments.{key}: {config_class.__name__} has no such setting")
        if material.tuning.is_prompt_learning and key in NOT_WITH_VIRTUAL_TOKENS and extra[key]:
            raise InvalidSpec(
                f"stages[{stage}].trainingArguments.{key}: cannot be used with {material.tuning.type}: {NOT_WITH_VIRTUAL_TOKENS[key]}"
            )
    try:
        return config_class(**{**arguments, **extra})
    except (TypeError, ValueError) as error:
        first = str(error).strip().splitlines()[0][:300]
        raise InvalidSpec(
            f"stages[{stage}].trainingArguments: {config_class.__name__} refuses them: {first}"
        ) from error
