"""A train step that is stopped in the middle, and what its history says."""

import json
from typing import Any

import pytest

from tiny_model import Run
from tunewright_trainer.shell import preemption


def stop_after(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """SIGTERM's flag goes up during optimizer step `step`, as in a pod that is evicted."""
    from tunewright_trainer.train.callbacks import ReportProgress

    plain = ReportProgress.on_log

    def on_log(self: Any, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        plain(self, args, state, control, logs, **kwargs)
        if state.global_step == step:
            preemption.request_stop()

    # on_log of step n runs after on_step_end of step n: the stop is seen at the end of step n + 1.
    monkeypatch.setattr(ReportProgress, "on_log", on_log)


def losses(run: Run, step: str) -> list[tuple[int, float, float]]:
    """(step, loss, gradient norm) of each optimizer step."""
    return [(entry["step"], entry["loss"], entry["grad_norm"]) for entry in history(run, step)]


def history(run: Run, step: str) -> list[dict[str, Any]]:
    """What TRL logged at each optimizer step."""
    entries: list[dict[str, Any]] = json.loads(run.file(step, "history.json"))
    return entries
