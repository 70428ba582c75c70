"""What surrounds a step: a pod's variables and volumes, or a local run's folders."""

import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tunewright_api import names
from tunewright_api.run import ProgressReport


@dataclass(frozen=True)
class Environment:
    """Where a step runs and whom it tells."""

    pod_uid: str
    scratch: Path
    node: str | None = None
    port: int | None = None
    """Port for /progress and /metrics; None serves nothing."""
    termination_log: Path | None = None
    secrets: Path | None = None
    on_progress: Callable[[ProgressReport], None] | None = None

    @classmethod
    def from_variables(cls) -> "Environment":
        """The environment of a pod, from the variables that the operator sets."""
        return cls(
            pod_uid=os.environ.get(names.POD_UID_VARIABLE) or uuid.uuid4().hex,
            scratch=Path(os.environ.get(names.SCRATCH_VARIABLE, names.SCRATCH_DIRECTORY)),
            node=os.environ.get("TUNEWRIGHT_NODE"),
            port=int(os.environ.get("TUNEWRIGHT_PORT", str(names.HTTP_PORT))),
            termination_log=Path(os.environ.get("TUNEWRIGHT_TERMINATION_LOG", names.TERMINATION_LOG)),
            secrets=Path(names.SECRETS_DIRECTORY),
        )
