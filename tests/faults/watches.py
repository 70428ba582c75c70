"""What a watch shows is late, old, incomplete or broken."""

import asyncio
import json
from collections.abc import AsyncIterator

from aiohttp import web

from faults.exchange import Body, Exchange
from faults.fault import Fault, for_ever
from faults.proxy import Cut

KINDS = ("finetunejobs", "jobs", "pods")


def stream_error(code: int, reason: str) -> bytes:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason}
    return json.dumps({"type": "ERROR", "object": {**status, "message": f"{reason}, says the fault"}}).encode() + b"\n"


class WatchFault(Fault):
    """Of one kind's watch, or of all."""

    words = ""

    def __init__(self, kind: str = "") -> None:
        super().__init__()
        self.kind = kind

    def __str__(self) -> str:
        return f"{self.words} ({self.kind or 'every kind'})"

    @property
    def family(self) -> str:
        return self.words

    def _hits(self, exchange: Exchange) -> bool:
        return self.kind in ("", exchange.resource) and exchange.resource in KINDS


class Broken(WatchFault):
    """The watch ends after each `every` events, in one of several ways."""

    def __init__(self, words: str, last: bytes | None, kind: str = "", every: int = 2) -> None:
        super().__init__(kind)
        self.words, self._last, self._every = words, last, every

    async def lines(self, exchange: Exchange, upstream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        count = 0
        async for line in upstream:
            if count == self._every and self._hits(exchange):
                self.fired = True
                if self._last is None:
                    raise Cut
                yield self._last if self._last != HALF_A_LINE else line[: len(line) // 2]
                if self._last == HALF_A_LINE:
                    raise Cut
                return
            yield line
            count += 1


HALF_A_LINE = b"half"


class Delayed(WatchFault):
    """Events come late, in order; own writes are known long before."""

    words = "events late"

    def __init__(self, kind: str, seconds: float) -> None:
        super().__init__(kind)
        self._seconds = seconds
        self.lasts = 20 * seconds

    async def lines(self, exchange: Exchange, upstream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for line in upstream:
            if self._hits(exchange):
                self.fired = True
                await asyncio.sleep(self._seconds)
            yield line


class Lost(WatchFault):
    """Events of some types never come: each `every`-th, or all."""

    lasts = 15.0

    def __init__(self, types: tuple[str, ...], kind: str = "", every: int = 1) -> None:
        super().__init__(kind)
        self._types, self._every, self._count = types, every, 0
        self.words = f"{' and '.join(types)} lost" + (f", each {every}." if every > 1 else "")

    async def lines(self, exchange: Exchange, upstream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for line in upstream:
            if self._hits(exchange) and _type(line) in self._types:
                self._count += 1
                if self._count % self._every == 0:
                    self.fired = True
                    continue
            yield line


class Merged(WatchFault):
    """Of the changes of one object within a while only the newest is shown: Pending, then at once Succeeded."""

    words = "events merged"
    lasts = 15.0

    async def lines(self, exchange: Exchange, upstream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        if not self._hits(exchange):
            async for line in upstream:
                yield line
            return
        newest: dict[str, bytes] = {}
        source = asyncio.create_task(self._collect(upstream, newest))
        try:
            while True:
                await asyncio.sleep(0.25)
                held, count = dict(newest), len(newest)
                newest.clear()
                self.fired = self.fired or count > 0
                for line in held.values():
                    yield line
        finally:
            source.cancel()

    @staticmethod
    async def _collect(upstream: AsyncIterator[bytes], newest: dict[str, bytes]) -> None:
        async for line in upstream:
            event = json.loads(line)
            known = newest.get(event["object"]["metadata"].get("uid", ""))
            if known is not None and event["type"] == "MODIFIED":
                # What was new and has changed is new; what was deleted stays so.
                event["type"] = _type(known)
            newest[event["object"]["metadata"].get("uid", "")] = json.dumps(event).encode() + b"\n"


class Repeated(WatchFault):
    """Every event comes twice, and later once more out of order: a stale one after a newer."""

    words = "events repeated and out of order"

    async def lines(self, exchange: Exchange, upstream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        before: bytes | None = None
        async for line in upstream:
            yield line
            if self._hits(exchange):
                self.fired = True
                yield line
                if before is not None and _type(before) != "DELETED":
                    yield before
                before = line


class Silent(WatchFault):
    """After some events the watch stays open and says nothing: a stall, or a connection of which only one half is left."""

    words = "watch falls silent"
    lasts = 20.0

    def __init__(self, kind: str = "", after: int = 2) -> None:
        super().__init__(kind)
        self._after, self._open = after, True

    async def lines(self, exchange: Exchange, upstream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        count = 0
        async for line in upstream:
            if self._hits(exchange) and count >= self._after:
                self.fired = True
                await for_ever()
            yield line
            count += 1


class Trickle(WatchFault):
    """The watch sends its first events byte by byte."""

    words = "one byte at a time"
    lasts = 15.0

    async def lines(self, exchange: Exchange, upstream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for line in upstream:
            if not self._hits(exchange):
                yield line
                continue
            self.fired = True
            for start in range(0, len(line), 64):
                yield line[start : start + 64]
                await asyncio.sleep(0.001)


class TimeTravel(WatchFault):
    """When a watch has broken, the next list is an old one: from a lagging replica, as the first list of all was."""

    words = "stale list after a break"
    lasts = 15.0

    def __init__(self, kind: str = "", every: int = 3) -> None:
        super().__init__(kind)
        self._every = every
        self._snapshots: dict[str, list[Body]] = {}

    async def on_committed(self, exchange: Exchange) -> web.Response | None:
        if exchange.verb != "list" or not self._hits(exchange) or exchange.answer is None:
            return None
        snapshots = self._snapshots.setdefault(exchange.resource, [])
        snapshots.append(exchange.answer)
        if len(snapshots) < 3:
            return None
        self.fired = True
        # The one before the last: what has happened since is unknown to it, deletions and creations alike.
        return web.json_response(snapshots[-2])

    async def lines(self, exchange: Exchange, upstream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        count = 0
        async for line in upstream:
            yield line
            count += 1
            if self._hits(exchange) and count == self._every:
                yield stream_error(410, "Expired")
                return


def _type(line: bytes) -> str:
    try:
        return str(json.loads(line)["type"])
    except (ValueError, KeyError):
        return ""


def watch_faults(kinds: tuple[str, ...]) -> list[Fault]:
    """All of them, of every kind's watch at once and of each given one alone."""
    found: list[Fault] = []
    for kind in ("", *kinds):
        found += [
            Broken("watch reset", None, kind),
            Broken("410 in the stream", stream_error(410, "Expired"), kind),
            Broken("500 in the stream", stream_error(500, "InternalError"), kind),
            Broken("half a line of JSON", HALF_A_LINE, kind),
            Delayed(kind, 0.5),
            Lost(("ADDED",), kind),
            Lost(("MODIFIED",), kind),
            Lost(("DELETED",), kind),
            Merged(kind),
            Silent(kind),
            TimeTravel(kind),
        ]
    return [*found, Repeated(), Trickle(), Lost(("ADDED", "MODIFIED", "DELETED"), every=2)]
