"""Pulls /progress of a running trainer and /report of a monitor: short, small, straight to the pod, and rarely from one that does not answer."""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import aiohttp
from pydantic import BaseModel, ValidationError

from tunewright_api.names import HTTP_PORT

TIMEOUT = aiohttp.ClientTimeout(total=2)
LARGEST_ANSWER = 16 * 1024
MOST_AT_ONCE, MOST_SILENT_AT_ONCE = 16, 4
"""Questions that are open. Pods that have not answered lately share fewer, or the silent pods of one tenant would keep the others' waiting."""
MOST_PODS = 5000
LONGEST_PAUSE = 60.0
PATIENCE = 0.1
"""A pod that is there answers sooner. A look at an object waits no longer: a tenant's silent pods must not take its looks away."""

Report = TypeVar("Report", bound=BaseModel)


@dataclass
class _Known(Generic[Report]):
    report: Report | None
    next_pull: float
    arrived: float
    failures: int = 0
    silent_since: float | None = None
    """When the first of the failures in a row began."""


class Puller(Generic[Report]):
    """The newest report of each pod. A pod is a tenant's: its answer is bounded in time and size, and never followed elsewhere."""

    def __init__(
        self,
        path: str,
        model: type[Report],
        pause_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        port: int = HTTP_PORT,
        patience_seconds: float = PATIENCE,
    ) -> None:
        self._path = path
        self._model = model
        self._pause = pause_seconds
        self._clock = clock
        self._port = port
        self._patience = patience_seconds
        self._known: OrderedDict[str, _Known[Report]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)
        self._silent_slots = asyncio.Semaphore(MOST_SILENT_AT_ONCE)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Ask no more, and close the connections."""
        for question in tuple(self._asking.values()):
            question.cancel()
        if self._session is not None:
            await self._session.close()

    async def report(self, pod_uid: str, ip: str) -> Report | None:
        """The pod's report, at most two pauses old; None if it has not answered lately."""
        known = self._known.get(pod_uid)
        if known is None or self._clock() >= known.next_pull:
            question = self._asking.get(pod_uid)
            if question is None:
                question = self._asking[pod_uid] = asyncio.create_task(self._ask(pod_uid, ip))
                question.add_done_callback(lambda _: self._asking.pop(pod_uid, None))
            await asyncio.wait({question}, timeout=self._patience)
        known = self._known.get(pod_uid)
        # An old report is no sign of a standstill: nobody may have looked for long, and the answer be on its way.
        return known.report if known is not None and self._clock() <= known.arrived + 2 * self._pause else None

    async def _ask(self, pod_uid: str, ip: str) -> None:
        asked, known = self._clock(), self._known.get(pod_uid)
        async with self._silent_slots if known is not None and known.failures else contextlib.nullcontext():
            report = await self._pull(ip)
        before = known.silent_since if known else None
        silent_since = None if report is not None else asked if before is None else before
        failures = 0 if report is not None else (known.failures if known else 0) + 1
        pause = min(self._pause * 2.0**failures, LONGEST_PAUSE) if failures else self._pause
        # A little early: the timer that asks again is as long as the pause.
        self._known[pod_uid] = _Known(report, self._clock() + pause * 0.8, self._clock(), failures, silent_since)
        self._known.move_to_end(pod_uid)
        while len(self._known) > MOST_PODS:
            self._known.popitem(last=False)

    def silence_seconds(self, pod_uid: str) -> float:
        """How long the pod has left every question unanswered; 0 while it answers, and before it was asked."""
        known = self._known.get(pod_uid)
        return 0.0 if known is None or known.silent_since is None else self._clock() - known.silent_since

    async def _pull(self, ip: str) -> Report | None:
        if self._session is None:
            # Never through a proxy: the address is the pod's own.
            self._session = aiohttp.ClientSession(timeout=TIMEOUT, trust_env=False)
        host = f"[{ip}]" if ":" in ip else ip
        url = f"http://{host}:{self._port}{self._path}"
        try:
            async with self._slots, self._session.get(url, allow_redirects=False) as response:
                body = await _bounded(response.content) if response.status == 200 else None
            return self._model.model_validate_json(body) if body is not None else None
        except (aiohttp.ClientError, TimeoutError, OSError, ValidationError):
            return None


async def _bounded(stream: aiohttp.StreamReader) -> bytes | None:
    body = b""
    async for chunk in stream.iter_any():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            return None
    return body
