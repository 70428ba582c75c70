"""What every step is given and what it gives back."""

from dataclasses import dataclass, field
from pathlib import Path

from tunewright_api.manifest import Manifest
from tunewright_api.run import RunConfig, RunResult
from tunewright_trainer.shell.environment import Environment
from tunewright_trainer.shell.storage import ObjectStore
from tunewright_trainer.shell.telemetry import Telemetry


@dataclass(frozen=True)
class StepContext:
    """One attempt of one step."""

    config: RunConfig
    environment: Environment
    store: ObjectStore
    telemetry: Telemetry
    workdir: Path
    """Empty folder on scratch, for this attempt alone."""
    attempt_uri: str
    """This writer's own prefix in object storage."""
    inputs: dict[str, Manifest] = field(default_factory=dict)
    """Verified manifests of the earlier steps, by step name."""


@dataclass(frozen=True)
class StepOutcome:
    """What a step has made: files to commit, their canonical digest, and what to report."""

    folder: Path
    """Its files are uploaded to the attempt's prefix and listed in the step's manifest."""
    digest: str
    result: RunResult
