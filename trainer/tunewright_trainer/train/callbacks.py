"""What happens between two optimizer steps: tell the outside, upload checkpoints, stop when asked, give up when the loss is no number."""

import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from tunewright_trainer.shell import preemption
from tunewright_trainer.shell.errors import Diverged
from tunewright_trainer.shell.telemetry import Telemetry
from tunewright_trainer.train.checkpoints import Checkpoints
from tunewright_trainer.train.hyperparameters import Settings

logger = logging.getLogger(__name__)


class ReportProgress(TrainerCallback):
    """Feeds telemetry, once a step."""

    def __init__(self, telemetry: Telemetry, settings: Settings, stage: str) -> None:
        self._telemetry = telemetry
        self._settings = settings
        self._stage = stage
        self._started = 0.0
        self._first_step = 0
        self._tokens_before: float | None = None
        self._time_before = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._started = self._time_before = time.monotonic()
        self._first_step = state.global_step
        self._tell(state, activity="Training")

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        logs = logs or {}
        if "loss" not in logs:
            return
        loss, norm = float(logs["loss"]), float(logs.get("grad_norm") or 0.0)
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise Diverged(
                f"the loss of step {state.global_step} is {loss:g}, its gradient norm {norm:g}: training has diverged"
            )
        logger.info("Step done", extra={"global_step": state.global_step, "loss": loss, "gradient_norm": norm})
        self._tell(
            state,
            loss=round(loss, 4),
            learning_rate=logs.get("learning_rate"),
            gradient_norm=round(norm, 4),
            **self._speed(logs),
        )
        if torch.cuda.is_available():
            self._telemetry.metrics.set("gpu_memory_bytes", torch.cuda.max_memory_allocated())

    def _speed(self, logs: dict[str, float]) -> dict[str, float]:
        tokens, moment = logs.get("num_tokens"), time.monotonic()
        before, self._tokens_before = self._tokens_before, tokens
        elapsed, self._time_before = moment - self._time_before, moment
        if tokens is None or before is None or elapsed <= 0:
            return {}
        return {"tokens_per_second": round((tokens - before) / elapsed, 1)}

    def _tell(self, state: Any, **fields: Any) -> None:
        total = self._settings.total_steps
        done = state.global_step - self._first_step
        seconds = (time.monotonic() - self._started) / done if done else None
        self._telemetry.update(
            global_step=state.global_step,
            total_steps=total,
            summary=f"{self._stage} {state.global_step}/{total}",
            epoch=round(state.epoch, 3) if state.epoch is not None else None,
            samples=state.global_step * self._settings.batch_size,
            eta_seconds=round(seconds * (total - state.global_step)) if seconds is not None else None,
            **fields,
        )


class UploadCheckpoints(TrainerCallback):
    """Uploads each checkpoint as soon as it is on disk. The last step needs none: the adapter itself follows."""

    def __init__(self, checkpoints: Checkpoints, telemetry: Telemetry) -> None:
        self._checkpoints = checkpoints
        self._telemetry = telemetry

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step >= state.max_steps:
            return
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        self._telemetry.attach(checkpoint=self._checkpoints.upload(folder, state.global_step))


class StopWhenAsked(TrainerCallback):
    """After SIGTERM: end this optimizer step, save, stop. Saving inside the signal handler would tear the step apart."""

    def __init__(self, every: int = 1, stop_requested: Callable[[], bool] = preemption.stop_requested) -> None:
        """`every`: stop only after a multiple of so many steps; between two of them a checkpoint would not be whole."""
        self._every = every
        self._stop_requested = stop_requested

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._stop_requested() and state.global_step < state.max_steps and state.global_step % self._every == 0:
            control.should_save = True
            control.should_training_stop = True
