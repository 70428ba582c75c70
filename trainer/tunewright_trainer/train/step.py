"""A train step: model and rows in, what was trained and its history out."""

import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tunewright_api.run import RunResult
from tunewright_api.stages import Method, Stage
from tunewright_api.status import ResolvedStage
from tunewright_trainer.context import StepContext, StepOutcome
from tunewright_trainer.shell import folders, preemption
from tunewright_trainer.shell.errors import Preempted
from tunewright_trainer.train import distillation, dpo, grpo, kto, orpo, reward, rloo, sdft, sft
from tunewright_trainer.train.adapter_files import ADAPTER, save_trained
from tunewright_trainer.train.checkpoints import Checkpoints, settings_digest
from tunewright_trainer.train.hyperparameters import Settings
from tunewright_trainer.train.inputs import fetch
from tunewright_trainer.train.material import make_material
from tunewright_trainer.train.model import keep_offline, on_gpu
from tunewright_trainer.train.recipe import Material, Recipe, assemble, train

logger = logging.getLogger(__name__)

RECIPES: dict[Method, Recipe] = {
    Method.SFT: sft.make_trainer,
    Method.DPO: dpo.make_trainer,
    Method.KTO: kto.make_trainer,
    Method.ORPO: orpo.make_trainer,
    Method.REWARD: reward.make_trainer,
    Method.GRPO: grpo.make_trainer,
    Method.RLOO: rloo.make_trainer,
    Method.SDFT: sdft.make_trainer,
    Method.DISTILLATION: distillation.make_trainer,
}
HISTORY = "history.json"
HELD_OUT = {
    "eval_loss": "validationLoss",
    "eval_reward": "validationReward",
    "eval_accuracy": "validationAccuracy",
    "eval_rewards/margins": "validationMargin",
}
"""What TRL calls a figure over held-out rows, and what we call it."""


def run(context: StepContext) -> StepOutcome:
    """Train one stage, from the newest valid checkpoint if there is one."""
    stage = _stage(context)
    keep_offline(context.environment.scratch)
    material, resolved = make_material(context, stage, fetch(context, stage))
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
    history = [entry for entry in trainer.state.log_history if "loss" in entry]
    figures |= {"firstLoss": float(history[0]["loss"]), "lastLoss": float(history[-1]["loss"])}
    if material.validation_rows:
        measured = trainer.evaluate()
        figures |= {ours: round(float(measured[theirs]), 6) for theirs, ours in HELD_OUT.items() if theirs in measured}
    out = context.workdir / "out"
    digest = save_trained(trainer.model, out / ADAPTER, context.config.spec.model.id)
    (out / HISTORY).write_bytes(folders.canonical_json(history))
    return StepOutcome(
        out,
        digest,
        RunResult(step=context.config.step, attempt=context.config.attempt, figures=figures, resolved=resolved),
    )
