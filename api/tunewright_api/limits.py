"""How long a run may take and how often it is tried."""

import re
from typing import Annotated

from pydantic import Field

from tunewright_api.base import ApiModel
from tunewright_api.failures import FAILURES, FailureClass

Duration = Annotated[str, Field(max_length=16, pattern=r"^([0-9]+h)?([0-9]+m)?([0-9]+s)?$", min_length=2)]
"""As in Go: 8h, 90m, 1h30m, 45s."""

_UNITS = {"h": 3600, "m": 60, "s": 1}


def seconds(duration: str) -> int:
    """The length of a duration such as 1h30m, in seconds."""
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"([0-9]+)([hms])", duration))


class Limits(ApiModel):
    """Bounds of a run. They may be changed while it runs."""

    retries: Annotated[dict[FailureClass, Annotated[int, Field(ge=0, le=1000)]], Field(max_length=32)] | None = None
    """New attempts a step may cost, by failure class, say {Preempted: 100, StorageUnavailable: 3}. Default: see the failure classes' table."""
    run_deadline: Duration | None = None
    """Fail the run when it has taken this long from its start, time in suspension left out. Default: no limit."""

    def retries_for(self, failure: FailureClass) -> int:
        """New attempts that `failure` may cost one step."""
        own = self.retries or {}
        return own.get(failure, FAILURES[failure].retries)
