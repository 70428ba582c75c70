"""The API server answers badly for a while, or not at all."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from aiohttp import web

from faults.crashes import status_answer
from faults.exchange import Exchange
from faults.fault import Fault
from faults.proxy import Cut


@dataclass(frozen=True)
class Target:
    """Which requests are hit; empty: all of them."""

    verbs: frozenset[str] = frozenset()
    resources: frozenset[str] = frozenset()

    def hits(self, exchange: Exchange) -> bool:
        """Whether this is one of them."""
        return (not self.verbs or exchange.verb in self.verbs) and (
            not self.resources or exchange.resource in self.resources
        )

    def __str__(self) -> str:
        return " ".join([" and ".join(sorted(self.verbs)) or "everything", *sorted(self.resources)])


EVERYTHING = Target()
WRITES = Target(frozenset({"create", "update", "patch", "delete"}))
LIST, WATCH, GET = (Target(frozenset({verb})) for verb in ("list", "watch", "get"))


class Outage(Fault):
    """For some seconds, from write `since` on, the targets are answered by `answer`; None resets the connection."""

    must_end = True

    def __init__(
        self, words: str, target: Target, seconds: float, answer: Callable[[], web.Response | None], since: int = 4
    ) -> None:
        super().__init__()
        self.lasts = seconds
        self._words, self._target, self._answer, self._since = words, target, answer, since
        self._began: float | None = None
        self._begun = asyncio.Event()

    def __str__(self) -> str:
        return f"{self._words} to {self._target} for {self.lasts:.0f} s"

    async def on_request(self, exchange: Exchange) -> web.Response | None:
        if self._began is None and exchange.number >= self._since:
            self._began = time.monotonic()
            self._begun.set()
        if not self._now() or not self._target.hits(exchange):
            return None
        self.fired = True
        answer = self._answer()
        if answer is None:
            raise Cut
        return answer

    async def lines(self, exchange: Exchange, upstream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """An outage also ends the watches that are open."""
        ended = asyncio.create_task(self._begun.wait())
        pending: asyncio.Task[bytes] | None = None
        try:
            while True:
                pending = pending or asyncio.ensure_future(anext(upstream))
                waits: set[asyncio.Task[object]] = {pending} if ended.done() else {pending, ended}
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                if self._now() and self._target.hits(exchange):
                    raise Cut
                if pending.done():
                    yield pending.result()
                    pending = None
        except StopAsyncIteration:
            return
        finally:
            ended.cancel()
            if pending is not None:
                pending.cancel()

    async def harm(self) -> None:
        await self._begun.wait()
        await asyncio.sleep(self.lasts)

    def _now(self) -> bool:
        return self._began is not None and time.monotonic() < self._began + self.lasts


def outages(seconds: float) -> list[Outage]:
    """Every way in which an API server fails for a while."""

    def says(status: int, reason: str, retry_after: int | None = None) -> Callable[[], web.Response]:
        return lambda: status_answer(status, reason, retry_after)

    return [
        Outage("429 with Retry-After", EVERYTHING, seconds, says(429, "TooManyRequests", 1)),
        Outage("500", EVERYTHING, seconds, says(500, "InternalError")),
        Outage("503", LIST, seconds, says(503, "ServiceUnavailable")),
        Outage("503", WATCH, seconds, says(503, "ServiceUnavailable")),
        Outage("504", WRITES, seconds, says(504, "Timeout")),
        Outage("504", GET, seconds, says(504, "Timeout")),
        Outage("403 (roles change)", EVERYTHING, seconds, says(403, "Forbidden")),
        Outage("403 (roles change)", WATCH, seconds, says(403, "Forbidden")),
        Outage("401 (token ended)", EVERYTHING, seconds, says(401, "Unauthorized")),
        Outage("410", LIST, seconds, says(410, "Expired")),
        Outage("410", WATCH, seconds, says(410, "Expired")),
        Outage("reset", EVERYTHING, seconds, lambda: None),
        Outage("reset", WRITES, seconds, lambda: None),
        Outage("cut JSON", LIST, seconds, lambda: web.Response(body=b'{"items": [', content_type="application/json")),
        Outage("HTML", WRITES, seconds, lambda: web.Response(status=200, body=b"<html>login</html>")),
    ]


class Slow(Fault):
    """Every answer comes late."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self.fired = True

    def __str__(self) -> str:
        return f"every answer {1000 * self._seconds:.0f} ms late"

    async def on_committed(self, exchange: Exchange) -> web.Response | None:
        if exchange.resource != "leases":
            await asyncio.sleep(self._seconds)
        return None


class Repeated(Fault):
    """A proxy in between sends every write a second time, as some do after a reset; the first answer counts."""

    def __init__(self) -> None:
        super().__init__()
        self.fired = True

    def __str__(self) -> str:
        return "every write sent twice"

    async def on_committed(self, exchange: Exchange) -> web.Response | None:
        if exchange.is_write and exchange.accepted:
            await self.run.proxy.send_again(exchange)
        return None
