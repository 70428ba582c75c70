"""What both sides of the benchmark train on: one model, one data set and one set of numbers, in the words of each side."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tunewright_api.run import RunConfig

STEPS_A_BLOCK = 10
"""A checkpoint each: the closest spacing that a job gets by itself."""
BLOCKS = 12
"""Of each side; the first is for warming up."""
BATCH_SIZE = 2
LEARNING_RATES = {"SFT": 2e-4, "DPO": 5e-6}


@dataclass(frozen=True)
class Workload:
    """One comparison. Paths are strings: it travels to the processes as JSON."""

    method: str
    model: str
    rows: str
    """The user's file, which our prepare step reads."""
    prepared: str
    """The rows that our prepare step left for training, which the raw script reads."""
    scratch: str
    s3_endpoint: str
    bucket: str
    port: int
    """Where our step serves /progress and /metrics."""
    secrets: str
    """Folder of the mounted Secrets."""
    inputs: dict[str, dict[str, str]] = field(default_factory=dict)
    """Results of the earlier steps, as our step is told them."""
    steps: int = STEPS_A_BLOCK * BLOCKS

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    def config(self, step: str) -> RunConfig:
        """For our recipe: what a pod would be told."""
        job = {"namespace": "bench", "name": "bench", "uid": "u" * 8, "runId": f"r1-{self.method.lower()}"}
        return RunConfig.model_validate({**job, "step": step, "attempt": 1, "inputs": self.inputs, "spec": self.spec()})

    @property
    def train_step(self) -> str:
        return f"train-{self.method.lower()}"

    def spec(self) -> dict[str, Any]:
        """For our recipe: a FineTuneJob's spec."""
        hyperparameters = {
            "maxSteps": self.steps,
            "batchSize": BATCH_SIZE,
            "microBatchSize": BATCH_SIZE,
            "learningRate": LEARNING_RATES[self.method],
            "warmupSteps": 5,
            "checkpointSteps": STEPS_A_BLOCK,
        }
        stage = {
            "name": self.method.lower(),
            "method": self.method,
            "dataset": {"uri": f"file://{self.rows}"},
            "hyperparameters": hyperparameters,
        }
        return {
            "model": {"uri": f"file://{self.model}", "id": Path(self.model).name},
            "seed": 42,
            "tuning": {"quantization": "None", "rank": 16, "alpha": 32, "dropout": 0.05},
            "stages": [stage],
            "split": {"validation": 0, "test": 0.1},
            "output": {"uri": f"s3://{self.bucket}"},
            "storage": {"endpoint": self.s3_endpoint, "secretRef": {"name": "s3"}},
        }

    def trl_settings(self) -> dict[str, Any]:
        """For the raw script: the same numbers."""
        return {
            "max_steps": self.steps,
            "per_device_train_batch_size": BATCH_SIZE,
            "gradient_accumulation_steps": 1,
            "learning_rate": LEARNING_RATES[self.method],
            "warmup_steps": 5,
            "save_steps": STEPS_A_BLOCK,
        }
