"""Which TRL settings a tenant may not pass through, and why."""

from collections.abc import Mapping
from typing import Any

DENIED: dict[str, str] = {
    "trust_remote_code": "it runs code from the model's folder",
    "push_to_hub": "the adapter is published to spec.output.uri",
    "output_dir": "each attempt has its own folder",
    "overwrite_output_dir": "each attempt has its own folder",
    "resume_from_checkpoint": "the newest valid checkpoint is found by itself",
    "report_to": "metrics are served at /metrics",
    "run_name": "the run is named by the operator",
    "do_train": "the step decides what is run",
    "do_eval": "the step decides what is run",
    "seed": "write spec.seed",
    "data_seed": "write spec.seed",
    "learning_rate": "write hyperparameters.learningRate",
    "num_train_epochs": "write hyperparameters.epochs",
    "max_steps": "write hyperparameters.maxSteps",
    "per_device_train_batch_size": "write hyperparameters.microBatchSize",
    "gradient_accumulation_steps": "write hyperparameters.batchSize",
    "max_length": "write hyperparameters.maxLength",
    "warmup_steps": "write hyperparameters.warmupSteps",
    "weight_decay": "write hyperparameters.weightDecay",
    "beta": "write hyperparameters.beta",
    "num_generations": "write hyperparameters.generations",
    "max_completion_length": "write hyperparameters.maxNewTokens",
    "max_prompt_length": "rows that are too long are refused, never cut",
    "reward_weights": "write rewards[].weight",
    "teacher_model_kind": "the teacher is the base model; another could not be resumed exactly",
    "log_completions": "it writes rows into the log",
    "generate_during_eval": "it sends rows to another service",
    "save_strategy": "checkpoints follow hyperparameters.checkpointSteps",
    "save_steps": "write hyperparameters.checkpointSteps",
    "ignore_data_skip": "a resumed run would train on other rows",
    "auto_find_batch_size": "a batch size that changes by itself cannot be resumed; write hyperparameters.microBatchSize",
    "chat_template_path": "the adapter is published with the model's own template",
    "eos_token": "the adapter is published with the model's own tokenizer",
    "pad_token": "the adapter is published with the model's own tokenizer",
    "save_only_model": "a checkpoint without optimizer state cannot be resumed",
    "enable_jit_checkpoint": "it resumes inexactly; the trainer handles SIGTERM itself",
    "model_init_kwargs": "the model is loaded by the trainer",
}
DENIED_PREFIXES: dict[str, str] = {
    "hub_": "the adapter is published to spec.output.uri",
    "deepspeed": "it is not offered",
    "fsdp": "it is not offered",
    "teacher_model_": "write teacher.uri",
    "log_completions_": "it sends rows to another service",
}


def _reason(key: str) -> str | None:
    if key in DENIED:
        return DENIED[key]
    return next((reason for prefix, reason in DENIED_PREFIXES.items() if key.startswith(prefix)), None)


def denied(arguments: Mapping[str, Any], path: str = "trainingArguments") -> list[str]:
    """A sentence for each key that may not be passed through, at any depth."""
    sentences: list[str] = []
    for key, value in arguments.items():
        reason = _reason(key)
        if reason is not None:
            sentences.append(f"{path}.{key} cannot be set: {reason}")
        else:
            sentences.extend(_denied_within(value, f"{path}.{key}"))
    return sentences


def _denied_within(value: Any, path: str) -> list[str]:
    if isinstance(value, Mapping):
        return denied(value, path)
    if isinstance(value, list):
        return [sentence for index, item in enumerate(value) for sentence in _denied_within(item, f"{path}[{index}]")]
    return []
