"""One side of the benchmark as a process of its own: it trains while it holds the baton, and waits at the border of a block.

`python -m bench.side ours|raw DESCRIPTOR WORKLOAD`. Each process has its own random state, threads and memory: nothing leaks."""

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

from peft import get_peft_model_state_dict
from transformers import TrainerCallback

from bench.workload import STEPS_A_BLOCK, Workload
from tunewright_trainer.shell.environment import Environment
from tunewright_trainer.step import run_step
from tunewright_trainer.train import step as train_step
from tunewright_trainer.train.adapter_files import tensors_digest


class Baton(TrainerCallback):
    """Hands over before the first step of each block, so that a block holds all that happens between its steps."""

    def __init__(self, channel: socket.socket) -> None:
        self._lines = channel.makefile("rw")

    def tell(self, message: dict[str, Any]) -> None:
        self._lines.write(json.dumps(message) + "\n")
        self._lines.flush()

    def _hand_over(self, state: Any) -> None:
        times = os.times()
        self.tell({"step": state.global_step, "cpu": times.user + times.system})
        if not self._lines.readline():
            raise SystemExit("the benchmark has gone")

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step % STEPS_A_BLOCK == 0:
            self._hand_over(state)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._hand_over(state)

    def report(self, trainer: Any) -> None:
        """What was learned: loss and gradient norm of each step, and the adapter's weights."""
        history = [[entry["loss"], entry["grad_norm"]] for entry in trainer.state.log_history if "loss" in entry]
        weights = get_peft_model_state_dict(trainer.model, adapter_name="default")
        self.tell({"history": history, "adapter": tensors_digest(dict(sorted(weights.items())))})


def train_ours(workload: Workload, baton: Baton) -> None:
    """The whole train step as a pod runs it, with telemetry served and checkpoints uploaded to S3."""
    found: list[Any] = []
    plain = train_step.assemble

    def assemble(*arguments: Any) -> Any:
        trainer = plain(*arguments)
        trainer.add_callback(baton)
        found.append(trainer)
        return trainer

    train_step.assemble = assemble
    environment = Environment(
        "bench", Path(workload.scratch) / "ours", port=workload.port, secrets=Path(workload.secrets)
    )
    result = run_step(workload.config(workload.train_step), environment)
    if result.failure is not None:
        raise SystemExit(f"our step failed: {result.failure}")
    baton.report(found[0])


def train_raw(workload: Workload, baton: Baton) -> None:
    """The script by hand."""
    from bench import raw_trl

    output = str(Path(workload.scratch) / "raw")
    trainer = raw_trl.make_trainer(workload.method, workload.model, workload.prepared, output, workload.trl_settings())
    trainer.add_callback(baton)
    trainer.train()
    baton.report(trainer)


if __name__ == "__main__":
    baton = Baton(socket.socket(fileno=int(sys.argv[2])))
    {"ours": train_ours, "raw": train_raw}[sys.argv[1]](Workload(**json.loads(sys.argv[3])), baton)
