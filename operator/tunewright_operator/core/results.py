"""Folds a step's result, and a running pod's progress, into the status."""

from datetime import datetime

from tunewright_api import names
from tunewright_api.run import ProgressReport, RunResult
from tunewright_api.status import (
    Checkpoint,
    FineTuneJobStatus,
    Progress,
    Resolved,
    ResolvedStage,
    StepState,
    StepStatus,
)
from tunewright_operator.core.parse import format_time, parse_time


def replace_step(status: FineTuneJobStatus, step: StepStatus) -> FineTuneJobStatus:
    """The status with this step in its place, or at the end if it is new."""
    known = [old.name for old in status.steps]
    steps = [step if old.name == step.name else old for old in status.steps] + ([] if step.name in known else [step])
    return status.model_copy(update={"steps": steps})


def fold_result(status: FineTuneJobStatus, step: StepStatus, result: RunResult, now: datetime) -> FineTuneJobStatus:
    """The step has succeeded: keep its digest, figures and whatever it found out."""
    done = step.model_copy(
        update={
            "state": StepState.SUCCEEDED,
            "finish_time": format_time(now),
            "waiting_since": None,
            "manifest_uri": result.manifest_uri,
            "digest": result.digest,
            "figures": result.figures,
        }
    )
    status = replace_step(status, done)
    news = {
        "dataset": result.dataset,
        "evaluation": result.evaluation if step.name == names.EVALUATE else None,
        "adapter": result.adapter,
    }
    status = status.model_copy(update={name: value for name, value in news.items() if value is not None})
    return _with_checkpoint(_with_resolved(status, result.resolved), result.checkpoint)


def fold_leftovers(status: FineTuneJobStatus, result: RunResult | None) -> FineTuneJobStatus:
    """What an attempt that did not succeed has left: what it found out about the data, its choices and its last checkpoint."""
    if result is None:
        return status
    if result.dataset is not None:
        status = status.model_copy(update={"dataset": result.dataset})
    return _with_checkpoint(_with_resolved(status, result.resolved), result.checkpoint)


def fold_progress(
    status: FineTuneJobStatus, report: ProgressReport | None, now: datetime, interval_seconds: int
) -> FineTuneJobStatus:
    """Progress of the running pod, not more often than the interval: each write is seen by every watcher."""
    before = status.progress
    if report is None or not (_brings_more(status, report) or before is None or is_news(before, report.progress)):
        return status
    written = parse_time(before.updated_at) if before else None
    fresh = written is not None and (now - written).total_seconds() < interval_seconds
    if fresh and before is not None and _same_moment(before, report):
        return status
    progress = report.progress.model_copy(update={"updated_at": format_time(now)})
    return _with_checkpoint(
        _with_resolved(status.model_copy(update={"progress": progress}), report.resolved), report.checkpoint
    )


def whole_progress(status: FineTuneJobStatus) -> Progress:
    """What the columns show of a run that is complete: all steps, and the loss that training ended with."""
    last_loss = next((step.figures["lastLoss"] for step in reversed(status.steps) if "lastLoss" in step.figures), None)
    steps = len(status.steps)
    # A column shows a number as it is stored, and a float32 has 16 digits.
    loss = round(last_loss, 4) if last_loss is not None else None
    return Progress(step=status.steps[-1].name, summary=f"{steps}/{steps} steps", loss=loss)


def is_news(before: Progress, now: Progress) -> bool:
    """Whether a pod has got anywhere. Its clock says nothing: `updatedAt` in status is the operator's, of the last change."""
    return before.model_copy(update={"updated_at": None}) != now.model_copy(update={"updated_at": None})


def _brings_more(status: FineTuneJobStatus, report: ProgressReport) -> bool:
    """A report may bring a checkpoint, or what was resolved, with no new figure."""
    stages = status.resolved.stages if status.resolved else []
    new_checkpoint = report.checkpoint is not None and report.checkpoint not in status.checkpoints
    return new_checkpoint or (report.resolved is not None and report.resolved not in stages)


def _same_moment(before: Progress, report: ProgressReport) -> bool:
    return (before.step, before.attempt) == (report.progress.step, report.progress.attempt)


def _with_resolved(status: FineTuneJobStatus, stage: ResolvedStage | None) -> FineTuneJobStatus:
    if stage is None:
        return status
    resolved = status.resolved or Resolved()
    kept = [old for old in resolved.stages if old.name != stage.name]
    order = [old.name for old in resolved.stages]
    stages = sorted([*kept, stage], key=lambda item: order.index(item.name) if item.name in order else len(order))
    return status.model_copy(update={"resolved": resolved.model_copy(update={"stages": stages})})


def _with_checkpoint(status: FineTuneJobStatus, checkpoint: Checkpoint | None) -> FineTuneJobStatus:
    if checkpoint is None:
        return status
    kept = [old for old in status.checkpoints if old.step != checkpoint.step]
    return status.model_copy(update={"checkpoints": [*kept, checkpoint]})
