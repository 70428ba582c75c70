"""The package step: what the last policy stage has trained, with the tokenizer and template it was trained with."""

import shutil
from pathlib import Path

from tunewright_api.manifest import canonical_digest
from tunewright_api.run import RunResult
from tunewright_trainer.context import StepContext, StepOutcome
from tunewright_trainer.model_folder import download_model
from tunewright_trainer.shell import folders
from tunewright_trainer.train.adapter_files import ADAPTER, read_tensors
from tunewright_trainer.train.inputs import fetch_trained
from tunewright_trainer.train.model import keep_offline
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
    """Collect the candidate: trained weights with their config, tokenizer, chat template."""
    keep_offline(context.environment.scratch)
    context.telemetry.update(activity="Downloading")
    spec = context.config.spec
    trained = fetch_trained(context, spec.policy_stages()[-1].name, context.workdir / "trained")
    model_folder = download_model(context.store, spec.model.uri, context.workdir / "model")
    load_tokenizer(model_folder)
    candidate = context.workdir / "out" / ADAPTER
    shutil.copytree(trained, candidate)
    _copy_tokenizer(model_folder, candidate)
    tensors = read_tensors(candidate)
    digest = canonical_digest((entry.path, entry.sha256) for entry in folders.file_entries(candidate))
    figures = {"parameters": float(sum(tensor.numel() for tensor in tensors.values())), "tensors": float(len(tensors))}
    return StepOutcome(
        context.workdir / "out",
        digest,
        RunResult(step=context.config.step, attempt=context.config.attempt, figures=figures),
    )


def _copy_tokenizer(model_folder: Path, candidate: Path) -> None:
    for name in TOKENIZER_FILES:
        if (model_folder / name).is_file():
            shutil.copyfile(model_folder / name, candidate / name)
