"""Which object is looked at next: no key twice at once, no tenant before all others, a broken object more and more rarely."""

import asyncio
import heapq
import random
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple

FIRST_BACKOFF = 0.005
LONGEST_BACKOFF = 300.0
MOST_ALONE = 8
MOST_BESIDE_OTHERS = 2
"""Keys of a namespace that are looked at side by side. A crowd keeps neither all workers nor the API server from the others; where there are no others, more would only wait for each other."""
ALONE_AFTER_SECONDS = 5.0


class Key(NamedTuple):
    """One object to reconcile."""

    kind: str
    namespace: str
    name: str


class WorkQueue:
    """A set of keys with an order. `pop` and `next_due` decide; `get` only waits."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, jitter: Callable[[], float] = random.random
    ) -> None:
        self._clock = clock
        self._jitter = jitter
        self._ready: OrderedDict[str, deque[Key]] = OrderedDict()
        self._since: dict[Key, float] = {}
        self._processing: dict[Key, float] = {}
        self._turns: OrderedDict[str, float] = OrderedDict()
        self._again: set[Key] = set()
        self._due: dict[Key, float] = {}
        self._timers: list[tuple[float, Key]] = []
        self._failures: dict[Key, int] = {}
        self._moved = clock()
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._timekeeper: asyncio.Future[None] | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False

    def add(self, key: Key) -> None:
        """Look at `key` as soon as its turn comes; if it is being looked at right now, once more afterwards."""
        if key in self._processing:
            self._again.add(key)
        elif key not in self._since:
            self._since[key] = self._clock()
            self._ready.setdefault(key.namespace, deque()).append(key)
            self._wake_one()

    def add_after(self, key: Key, delay: float) -> None:
        """Look at `key` after `delay` seconds; of several timers the earliest counts."""
        due = self._clock() + max(0.0, delay)
        if due < self._due.get(key, float("inf")):
            self._due[key] = due
            heapq.heappush(self._timers, (due, key))
            if self._timers[0] == (due, key):
                self._wake_timekeeper()

    def add_failed(self, key: Key, at_least: float = 0.0) -> float:
        """Look at `key` again later: 5 ms after its first failure in a row, twice as long each time, at most 5 min."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(failures, 32))
        # Without jitter, all that failed together tries again together.
        delay = max(at_least, delay) * (0.75 + 0.5 * self._jitter())
        self.add_after(key, delay)
        return delay

    def succeeded(self, key: Key) -> None:
        """The row of failures of `key` has ended."""
        self._failures.pop(key, None)

    def pop(self) -> Key | None:
        """The next key, taken from the namespace that has waited longest for its turn."""
        self._fire_timers()
        namespace = None if self._draining else self._next_namespace()
        if namespace is None:
            return None
        keys = self._ready.pop(namespace)
        key = keys.popleft()
        if keys:
            self._ready[namespace] = keys
        del self._since[key]
        self._processing[key] = self._clock()
        self._turns[namespace] = self._moved = self._processing[key]
        self._turns.move_to_end(namespace)
        self._idle.clear()
        return key

    def done(self, key: Key) -> None:
        """`key` is not being looked at any more."""
        self._processing.pop(key, None)
        if key in self._again:
            self._again.discard(key)
            self.add(key)
        if self._ready:
            # Its namespace may have waited for this.
            self._wake_one()
        if not self._processing:
            self._idle.set()

    async def drain(self) -> None:
        """Give out no more keys; return when nothing is being looked at."""
        self._draining = True
        await self._idle.wait()

    def next_due(self) -> float | None:
        """Seconds until the next timer fires."""
        while self._timers and self._due.get(self._timers[0][1]) != self._timers[0][0]:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0][0] - self._clock()) if self._timers else None

    async def get(self) -> Key:
        """Wait for the next key."""
        while (key := self.pop()) is None:
            await self._wait()
        # Another may be needed: for what else is ready, or to keep the time.
        self._wake_one()
        return key

    @property
    def depth(self) -> int:
        """Keys that wait for a worker."""
        return len(self._since)

    def head_age(self) -> float:
        """Seconds that the oldest key has waited for a worker."""
        return self._clock() - min(self._since.values()) if self._since else 0.0

    def standstill(self) -> float:
        """Seconds since any key was given out while there are some that wait."""
        return min(self.head_age(), self._clock() - self._moved)

    def longest_running(self) -> float:
        """Seconds that the slowest worker has spent on its key."""
        return self._clock() - min(self._processing.values()) if self._processing else 0.0

    async def _wait(self) -> None:
        """Until woken or, for one of those who wait, until a timer is due: all of them, woken for one key, would cost more than the look at it."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        keeps_time = self._timekeeper is None
        if keeps_time:
            self._timekeeper = waiter
        due = self.next_due()
        if self._ready:
            # Their namespaces may be alone by then, and take more workers.
            due = ALONE_AFTER_SECONDS if due is None else min(due, ALONE_AFTER_SECONDS)
        try:
            async with asyncio.timeout(due if keeps_time else None):
                await waiter
        except TimeoutError:
            return
        finally:
            if keeps_time:
                self._timekeeper = None
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def _wake_one(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _wake_timekeeper(self) -> None:
        if self._timekeeper is not None and not self._timekeeper.done():
            self._timekeeper.set_result(None)

    def _next_namespace(self) -> str | None:
        while self._turns and next(iter(self._turns.values())) < self._clock() - ALONE_AFTER_SECONDS:
            self._turns.popitem(last=False)
        side_by_side = Counter(key.namespace for key in self._processing)
        for namespace in self._ready:
            others = len(self._turns) > (namespace in self._turns) or len(self._ready) > 1
            if side_by_side[namespace] < (MOST_BESIDE_OTHERS if others else MOST_ALONE):
                return namespace
        return None

    def _fire_timers(self) -> None:
        while (wait := self.next_due()) is not None and wait <= 0:
            _, key = heapq.heappop(self._timers)
            del self._due[key]
            self.add(key)
