"""Remembers what the cluster has refused, in its own words, and when to try again: neither a request a second nor silence."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tunewright_operator.shell.errors import shortened
from tunewright_operator.shell.event_words import EventWords

FIRST_PAUSE = 5.0
LONGEST_PAUSE = 300.0
EVENTS_PATIENCE = 5.0
"""A healthy Job has its pod sooner than this."""
EVENTS_LAST = 60.0
JOB_REFUSED = "involvedObject.kind=Job,reason=FailedCreate"
POD_WARNED = "involvedObject.kind=Pod,type=Warning"
"""The kubelet says by many reasons why a pod does not start: a Secret that is missing, a volume that is not mounted."""
MOST = 5000


@dataclass
class _Refusal:
    words: str
    until: float
    count: int


class Refusals:
    """Words by namespace and Job name."""

    def __init__(self, events: EventWords, clock: Callable[[], float] = time.monotonic) -> None:
        self._events = events
        self._clock = clock
        self._refused: OrderedDict[tuple[str, str], _Refusal] = OrderedDict()
        self._first_look: OrderedDict[str, float] = OrderedDict()

    def of(self, namespace: str, job_names: Iterable[str]) -> dict[str, str]:
        """What is refused just now, of these Jobs."""
        now = self._clock()
        found = ((name, self._refused.get((namespace, name))) for name in job_names)
        return {name: refusal.words for name, refusal in found if refusal is not None and refusal.until > now}

    def next_try(self, namespace: str, job_names: Iterable[str]) -> float | None:
        """Seconds until the next creation may be tried; None when nothing is refused."""
        now = self._clock()
        found = (self._refused.get((namespace, name)) for name in job_names)
        return min((refusal.until - now for refusal in found if refusal and refusal.until > now), default=None)

    def remember(self, namespace: str, name: str, words: str) -> None:
        """The API server refused; ask again later, and later each time."""
        known = self._refused.pop((namespace, name), None)
        count = known.count + 1 if known else 0
        pause = min(FIRST_PAUSE * 2.0 ** min(count, 16), LONGEST_PAUSE)
        self._refused[namespace, name] = _Refusal(shortened(words), self._clock() + pause, count)
        while len(self._refused) > MOST:
            self._refused.popitem(last=False)

    def clear(self, namespace: str, name: str) -> None:
        """It was not refused after all."""
        self._refused.pop((namespace, name), None)

    async def look_up(self, namespace: str, name: str, uid: str, which: str = JOB_REFUSED) -> None:
        """Read why a Job has no pods, or why its pod does not start, from the newest such event of the object with that uid."""
        now = self._clock()
        since = self._first_look.setdefault(uid, now)
        while len(self._first_look) > MOST:
            self._first_look.popitem(last=False)
        if now < since + EVENTS_PATIENCE:
            return
        said = await self._events.of(namespace, which)
        newest = next((each for each in reversed(said) if each.uid == uid), None)
        if newest is not None:
            self._refused[namespace, name] = _Refusal(newest.words, now + EVENTS_LAST, 0)
