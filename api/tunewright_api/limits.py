"""How long a run may take and how often it is tried."""

import re
from typing import Annotated

from pydantic import Field

from tunewright_api.base import ApiModel, Integer, cel, matching
from tunewright_api.failures import FAILURES, FailureClass

Duration = Annotated[
    str,
    Field(max_length=16, min_length=2),
    *matching(r"([0-9]+h)?([0-9]+m)?([0-9]+s)?", "must be a duration such as 8h, 90m or 1h30m"),
]
"""As in Go: 8h, 90m, 1h30m, 45s."""

_UNITS = {"h": 3600, "m": 60, "s": 1}


def seconds(duration: str) -> int:
    """The length of a duration such as 1h30m, in seconds."""
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"([0-9]+)([hms])", duration))


class Limits(ApiModel):
    """Bounds of a run. They may be changed while it runs."""

    retries: (
        Annotated[
            dict[FailureClass, Annotated[Integer, Field(ge=0, le=1000)]],
            Field(
                max_length=32,
                json_schema_extra=cel(
                    (
                        f"self.all(name, name in {[str(name) for name in FailureClass]})",
                        f"may only name failure classes: {', '.join(FailureClass)}",
                    )
                ),
            ),
        ]
        | None
    ) = None
    """New attempts a step may cost, by failure class, say {Preempted: 100, StorageUnavailable: 3}. Default: see the failure classes' table."""
    run_deadline: Duration | None = None
    """Per run: fail it when it has taken this long from its start, time in suspension left out. Default: no limit."""
    queue_deadline: Duration | None = None
    """Per step, for each of its attempts: fail the attempt when it has waited this long for its queue, its node or its image, time in suspension left out. Default: no limit."""
    no_progress_deadline: Duration | None = None
    """Per step, for each of its attempts: end the attempt as a Hang when its pod runs and has reported nothing new for this long. Counts only once the pod has answered at /progress; choose it longer than the longest download. Default: no limit."""

    def retries_for(self, failure: FailureClass) -> int:
        """New attempts that `failure` may cost one step."""
        own = self.retries or {}
        return own.get(failure, FAILURES[failure].retries)
