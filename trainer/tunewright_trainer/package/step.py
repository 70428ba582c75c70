"""The package step: the last stage's adapter in PEFT's layout, with the tokenizer and template it was trained with."""

import shutil
from pathlib import Path

from tunewright_api import names
from tunewright_api.manifest import canonical_digest
from tunewright_api.run import RunResult
from tunewright_trainer.context import StepContext, StepOutcome
from tunewright_trainer.model_folder import download_model
from tunewright_trainer.shell import folders
from tunewright_trainer.shell.errors import TornContent
from tunewright_trainer.train.adapter_files import CONFIG, WEIGHTS, adapter_digest, read_tensors
from tunewright_trainer.train.model import keep_offline
from tunewright_trainer.train.step import ADAPTER
from tunewright_trainer.train.tokenizer import load_tokenizer

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "generation_config.json",
)


def run(context: StepContext) -> StepOutcome:
    """Collect the candidate: adapter weights, canonical config, tokenizer, chat template."""
    keep_offline(context.environment.scratch)
    context.telemetry.update(activity="Downloading")
    trained = context.inputs[last_train_step(context)]
    source = context.workdir / "trained"
    folders.download_files(context.store, trained, source, below=f"{ADAPTER}/")
    if adapter_digest(source / ADAPTER) != trained.digest:
        raise TornContent(f"the adapter at {trained.prefix} differs from its recorded digest")
    model_folder = download_model(context.store, context.config.spec.model.uri, context.workdir / "model")
    load_tokenizer(model_folder)
    candidate = context.workdir / "out" / ADAPTER
    candidate.mkdir(parents=True)
    for name in (WEIGHTS, CONFIG):
        shutil.copyfile(source / ADAPTER / name, candidate / name)
    _copy_tokenizer(model_folder, candidate)
    tensors = read_tensors(candidate)
    digest = canonical_digest((entry.path, entry.sha256) for entry in folders.file_entries(candidate))
    figures = {"parameters": float(sum(tensor.numel() for tensor in tensors.values())), "tensors": float(len(tensors))}
    return StepOutcome(
        context.workdir / "out",
        digest,
        RunResult(step=context.config.step, attempt=context.config.attempt, figures=figures),
    )


def last_train_step(context: StepContext) -> str:
    """The step whose adapter is the result of training."""
    return [step for step in context.config.spec.steps() if step.startswith(names.TRAIN_PREFIX)][-1]


def _copy_tokenizer(model_folder: Path, candidate: Path) -> None:
    for name in TOKENIZER_FILES:
        if (model_folder / name).is_file():
            shutil.copyfile(model_folder / name, candidate / name)
