"""Why Kueue has not admitted a Job, in its own words. They are read from the events of its Workloads, so that the operator needs no right on Workloads, and no Kueue."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from tunewright_operator.shell.client import Client
from tunewright_operator.shell.errors import ClusterError, shortened
from tunewright_operator.shell.resources import EVENTS

PAUSE = 30.0
"""One list a namespace serves all of its Jobs: a thousand that wait must not ask a thousand times."""
MOST_NAMESPACES = 1000
SHORTEST_CUT = 57
"""Kueue cuts long names here before it adds a hash."""


@dataclass(frozen=True)
class _Snapshot:
    words: dict[str, str]
    until: float


class QueueWords:
    """The newest `Pending` event of each Workload, by namespace."""

    def __init__(self, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._snapshots: OrderedDict[str, _Snapshot] = OrderedDict()

    async def about(self, namespace: str, job_name: str) -> str:
        """What Kueue says of a Job; empty if it has said nothing."""
        known = self._snapshots.get(namespace)
        if known is None or self._clock() >= known.until:
            known = _Snapshot(await self._read(namespace), self._clock() + PAUSE)
            self._snapshots[namespace] = known
            self._snapshots.move_to_end(namespace)
            while len(self._snapshots) > MOST_NAMESPACES:
                self._snapshots.popitem(last=False)
        return next((words for workload, words in known.words.items() if is_workload_of(job_name, workload)), "")

    async def _read(self, namespace: str) -> dict[str, str]:
        fields = "involvedObject.kind=Workload,reason=Pending"
        try:
            listing = await self._client.list(EVENTS, namespace, field_selector=fields)
        except ClusterError:
            # Only the explanation is missing; the run itself does not depend on it.
            return {}
        newest_last = sorted(listing.items, key=lambda body: str(body.get("lastTimestamp") or ""))
        return {body["involvedObject"]["name"]: shortened(body.get("message") or "") for body in newest_last}


def is_workload_of(job_name: str, workload: str) -> bool:
    """Whether Kueue has named a Workload after this Job: its kind, its name (cut, if long) and a hash."""
    prefix, full = workload.rpartition("-")[0], f"job-{job_name}"
    return prefix == full or (len(prefix) >= SHORTEST_CUT and full.startswith(prefix))
