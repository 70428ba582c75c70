"""A train step: model and rows in, adapter and history out."""

import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from transformers import set_seed

from tunewright_api import names
from tunewright_api.run import RunResult
from tunewright_api.stages import Method, Stage
from tunewright_api.status import ResolvedStage
from tunewright_trainer.context import StepContext, StepOutcome
from tunewright_trainer.model_folder import download_model
from tunewright_trainer.shell import folders, preemption
from tunewright_trainer.shell.errors import Preempted, TornContent
from tunewright_trainer.train import dpo, sft
from tunewright_trainer.train.adapter_files import adapter_digest, save_adapter
from tunewright_trainer.train.checkpoints import Checkpoints, settings_digest
from tunewright_trainer.train.hyperparameters import Data, Settings, resolve
from tunewright_trainer.train.model import (
    context_length,
    continued_adapter,
    keep_offline,
    load_base,
    new_adapter,
    on_gpu,
)
from tunewright_trainer.train.recipe import Material, Recipe, assemble, train
from tunewright_trainer.train.rows import check_end_of_turn, check_lengths, read_part, rendered_lengths
from tunewright_trainer.train.tokenizer import load_tokenizer

logger = logging.getLogger(__name__)

RECIPES: dict[Method, Recipe] = {Method.SFT: sft.make_trainer, Method.DPO: dpo.make_trainer}
ADAPTER = "adapter"
HISTORY = "history.json"


def run(context: StepContext) -> StepOutcome:
    """Train one stage, from the newest valid checkpoint if there is one."""
    stage = _stage(context)
    keep_offline(context.environment.scratch)
    material, resolved = _material(context, stage)
    context.telemetry.attach(resolved=resolved)
    checkpoints = Checkpoints(context, settings_digest(_frozen(context, stage, material.settings)))
    trainer = assemble(RECIPES[stage.method], material, checkpoints)
    started = time.monotonic()
    train(trainer, _resume_folder(context, checkpoints))
    if trainer.state.global_step < material.settings.total_steps:
        if preemption.stop_requested():
            raise Preempted(
                f"stopped after step {trainer.state.global_step} of {material.settings.total_steps}; the checkpoint is saved"
            )
        raise RuntimeError(f"training ended at step {trainer.state.global_step} of {material.settings.total_steps}")
    return _outcome(context, trainer, material, resolved, time.monotonic() - started)


def _stage(context: StepContext) -> Stage:
    stage = context.config.spec.stage_of(context.config.step)
    if stage is None:
        raise RuntimeError(f"there is no stage for step {context.config.step}")
    return stage


def _material(context: StepContext, stage: Stage) -> tuple[Material, ResolvedStage]:
    spec, telemetry = context.config.spec, context.telemetry
    telemetry.update(activity="Downloading")
    data = context.workdir / "data"
    folders.check_content(context.inputs[names.PREPARE], below="stages/")
    folders.download_files(context.store, context.inputs[names.PREPARE], data, below=f"stages/{stage.name}/")
    model_folder = download_model(context.store, spec.model.uri, context.workdir / "model")
    telemetry.update(activity="LoadingModel")
    tokenizer = load_tokenizer(model_folder)
    rows, validation, test = (read_part(data, stage.name, part) for part in ("train", "validation", "test"))
    set_seed(spec.seed)
    base = load_base(model_folder, spec.tuning.quantization)
    lengths = rendered_lengths(rows + validation, tokenizer)
    context_tokens = context_length(base)
    settings, resolved = resolve(stage, spec.tuning, Data(len(rows), max(lengths), context_tokens))
    check_lengths(rows + validation, lengths, min(settings.max_length, context_tokens), context_tokens)
    # The evaluation reads these, after all the training.
    check_lengths(test, rendered_lengths(test, tokenizer), context_tokens, context_tokens)
    check_end_of_turn(rows, tokenizer)
    previous = _previous_adapter(context)
    model = continued_adapter(base, previous) if previous else new_adapter(base, spec.tuning, settings)
    return (
        Material(
            stage, settings, spec.seed, model, tokenizer, rows, validation, context.workdir / "training", on_gpu()
        ),
        resolved,
    )


def _previous_adapter(context: StepContext) -> Path | None:
    """The adapter of the stage before this one; its last train step among the inputs."""
    steps = [step for step in context.config.spec.steps() if step.startswith(names.TRAIN_PREFIX)]
    index = steps.index(context.config.step)
    if index == 0:
        return None
    folder = context.workdir / "previous"
    trained = context.inputs[steps[index - 1]]
    folders.download_files(context.store, trained, folder, below=f"{ADAPTER}/")
    if adapter_digest(folder / ADAPTER) != trained.digest:
        raise TornContent(f"the adapter at {trained.prefix} differs from its recorded digest")
    return folder / ADAPTER


def _frozen(context: StepContext, stage: Stage, settings: Settings) -> dict[str, Any]:
    """Everything that decides the losses: a checkpoint of other values is another run's."""
    spec = context.config.spec
    return {
        "settings": asdict(settings),
        "stage": stage.to_wire(),
        "tuning": spec.tuning.to_wire(),
        "model": spec.model.uri,
        "seed": spec.seed,
        "inputs": {step: manifest.digest for step, manifest in sorted(context.inputs.items())},
        "onGpu": on_gpu(),
    }


def _resume_folder(context: StepContext, checkpoints: Checkpoints) -> Path | None:
    # This run's own are further on than the one that it began from.
    found = checkpoints.newest_valid(context.workdir / "resume") or checkpoints.named(context.workdir / "resume")
    if found is None:
        return None
    folder, checkpoint = found
    logger.info("Going on from a checkpoint", extra={"global_step": checkpoint.global_step, "uri": checkpoint.uri})
    context.telemetry.attach(checkpoint=checkpoint)
    return folder


def _outcome(
    context: StepContext, trainer: Any, material: Material, resolved: ResolvedStage, seconds: float
) -> StepOutcome:
    context.telemetry.update(activity="Validating")
    figures = {"steps": float(trainer.state.global_step), "seconds": round(seconds, 1)}
    if material.validation_rows:
        figures["validationLoss"] = round(float(trainer.evaluate()["eval_loss"]), 6)
    history = [entry for entry in trainer.state.log_history if "loss" in entry]
    figures |= {"firstLoss": float(history[0]["loss"]), "lastLoss": float(history[-1]["loss"])}
    out = context.workdir / "out"
    digest = save_adapter(trainer.model, out / ADAPTER, context.config.spec.model.id)
    (out / HISTORY).write_bytes(folders.canonical_json(history))
    return StepOutcome(
        out,
        digest,
        RunResult(step=context.config.step, attempt=context.config.attempt, figures=figures, resolved=resolved),
    )
