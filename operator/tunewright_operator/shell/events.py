"""Tells of transitions, as lines of `kubectl describe`. An event is a courtesy: no Job waits for one, and losing one must not repeat a decision that is stored already."""

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from tunewright_api import names
from tunewright_operator.core.types import Event
from tunewright_operator.shell.client import Client
from tunewright_operator.shell.errors import AlreadyExists, NotLeading, Unavailable
from tunewright_operator.shell.logs import logger
from tunewright_operator.shell.resources import EVENTS, Resource

Body = dict[str, Any]
MOST_WAITING = 10_000
"""About a kilobyte each. The oldest are dropped first."""
PAUSE, BUSY_PAUSE = 0.01, 0.05
"""Seconds before each event, so that a row of them is no crowd of its own, and while objects wait for a worker: slower, but never silent."""
OUTAGE_PAUSE = 2.0
MOST_TRIES = 5
"""An outage is waited out for a while; a webhook of one namespace that is down must not keep the events of all others."""
LONGEST_NOTE = 1000


def event_body(resource: Resource, regarding: Mapping[str, Any], event: Event, identity: str, moment: datetime) -> Body:
    """The Event object. The same transition, told twice, has the same name: the second is refused as already there."""
    metadata = regarding["metadata"]
    told = f"{metadata['uid']}/{metadata['resourceVersion']}/{event.type}/{event.reason}/{event.message}"
    name = f"{metadata['name']}.{hashlib.sha256(told.encode()).hexdigest()[:16]}"
    timestamp = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": EVENTS.api_version,
        "kind": EVENTS.kind,
        "metadata": {"name": name, "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        },
        "type": event.type,
        "reason": event.reason[:128],
        "message": event.message[:LONGEST_NOTE],
        "firstTimestamp": timestamp,
        "lastTimestamp": timestamp,
        "count": 1,
        "source": {"component": names.FIELD_MANAGER},
        "reportingComponent": names.FIELD_MANAGER,
        "reportingInstance": identity[:128],
    }


class Teller:
    """Writes events one at a time, in order, beside the workers."""

    def __init__(self, client: Client, identity: str, busy: Callable[[], bool]) -> None:
        """`busy`: whether objects wait for a worker."""
        self._client = client
        self._identity = identity
        self._busy = busy
        self._waiting: deque[tuple[Body, int]] = deque(maxlen=MOST_WAITING)
        self._news = asyncio.Event()
        self._told = asyncio.Event()
        self._told.set()

    def tell(self, resource: Resource, regarding: Mapping[str, Any], event: Event) -> None:
        """Have `event` written soon; it carries the time of now."""
        self._waiting.append((event_body(resource, regarding, event, self._identity, datetime.now(UTC)), 1))
        self._told.clear()
        self._news.set()

    @property
    def depth(self) -> int:
        """Events that are still to be told."""
        return len(self._waiting)

    async def run(self) -> None:
        """Write for ever; ends only by cancellation."""
        while True:
            await self._news.wait()
            # What led to them goes on meanwhile.
            await asyncio.sleep(BUSY_PAUSE)
            while self._waiting:
                await asyncio.sleep(BUSY_PAUSE if self._busy() else PAUSE)
                await self._write(*self._waiting.popleft())
            self._news.clear()
            self._told.set()

    async def finish(self) -> None:
        """Return when all is told."""
        await self._told.wait()

    async def _write(self, body: Body, tries: int) -> None:
        try:
            await self._client.create(EVENTS, body)
        except (AlreadyExists, NotLeading):
            return
        except Exception as error:
            if isinstance(error, Unavailable) and tries < MOST_TRIES and len(self._waiting) < MOST_WAITING:
                self._waiting.appendleft((body, tries + 1))
                await asyncio.sleep(error.retry_after or OUTAGE_PAUSE)
                return
            fields = {"namespace": body["metadata"]["namespace"], "object": body["involvedObject"]["name"]}
            logger.warning("An event was not accepted", extra={**fields, "words": str(error)})
