"""What others say about objects by their events. One list serves all of a namespace: a thousand that wait must not ask a thousand times, for the API server reads every event of the namespace for each."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from tunewright_operator.shell.client import Client
from tunewright_operator.shell.errors import ClusterError, shortened
from tunewright_operator.shell.resources import EVENTS

PAUSE = 10.0
"""Seconds that one list serves."""
MOST_LISTS = 1000


@dataclass(frozen=True)
class Said:
    """One event."""

    name: str
    """Of the object that it is about."""
    uid: str
    words: str


@dataclass(frozen=True)
class _Listing:
    said: asyncio.Task[tuple[Said, ...]]
    until: float


class EventWords:
    """Events by namespace and field selector."""

    def __init__(self, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._listings: OrderedDict[tuple[str, str], _Listing] = OrderedDict()

    async def of(self, namespace: str, selector: str) -> tuple[Said, ...]:
        """The events that a field selector finds, the newest last; none when they cannot be read, for only an explanation is missing then."""
        key = (namespace, selector)
        known = self._listings.get(key)
        if known is None or self._clock() >= known.until:
            # Whoever asks while the list is under way waits for the same one.
            known = _Listing(asyncio.create_task(self._read(namespace, selector)), self._clock() + PAUSE)
            self._listings[key] = known
            self._listings.move_to_end(key)
            while len(self._listings) > MOST_LISTS:
                self._listings.popitem(last=False)
        return await asyncio.shield(known.said)

    async def _read(self, namespace: str, selector: str) -> tuple[Said, ...]:
        try:
            listing = await self._client.list(EVENTS, namespace, field_selector=selector)
        except ClusterError:
            return ()
        newest_last = sorted(listing.items, key=lambda body: str(body.get("lastTimestamp") or ""))
        about = ((body["involvedObject"], shortened(body.get("message") or "")) for body in newest_last)
        return tuple(Said(target.get("name", ""), target.get("uid", ""), words) for target, words in about)
