"""The process ends, or the answer does, at one certain write. Enumerated: the window of such a bug is less than a millisecond."""

import asyncio
import signal

from aiohttp import web

from faults.exchange import Exchange
from faults.fault import Fault, for_ever
from faults.operator_fork import LEASE_SECONDS, LEASE_VARIABLE
from faults.proxy import Cut


class AtWrite(Fault):
    """Something happens at write `number`, once."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def __str__(self) -> str:
        return f"{self.family}, write {self.number}"

    def _is_due(self, exchange: Exchange) -> bool:
        if self.fired or exchange.number != self.number:
            return False
        self.fired = True
        return True


class CrashAfter(AtWrite):
    """SIGKILL as soon as the operator has its answer."""

    family = "crash after the answer"

    async def on_answered(self, exchange: Exchange) -> None:
        if self._is_due(exchange):
            self.run.kill()


class CrashBefore(AtWrite):
    """SIGKILL when the API server has done it and the operator does not know."""

    family = "crash before the answer"

    async def on_committed(self, exchange: Exchange) -> web.Response | None:
        if self._is_due(exchange):
            self.run.kill()
            raise Cut
        return None


class CrashInstead(AtWrite):
    """SIGKILL before the API server has seen it."""

    family = "crash before the request"

    async def on_request(self, exchange: Exchange) -> web.Response | None:
        if self._is_due(exchange):
            self.run.kill()
            raise Cut
        return None


class AnswerLost(AtWrite):
    """The connection is reset when the API server has done it; the operator lives on."""

    family = "answer lost"

    async def on_committed(self, exchange: Exchange) -> web.Response | None:
        if self._is_due(exchange):
            raise Cut
        return None


class Refused(AtWrite):
    """The API server refuses one write with a status."""

    def __init__(self, number: int, status: int, reason: str, retry_after: int | None = None) -> None:
        super().__init__(number)
        self._status, self._reason, self._retry_after = status, reason, retry_after

    @property
    def family(self) -> str:
        return f"{self._status} {self._reason}"

    async def on_request(self, exchange: Exchange) -> web.Response | None:
        return status_answer(self._status, self._reason, self._retry_after) if self._is_due(exchange) else None


class LeaderFrozen(AtWrite):
    """SIGSTOP at a write; another replica takes over and finishes; SIGCONT: the first ends and has no effect any more.

    `hold` keeps the frozen leader's own request on its way until then, as a slow load balancer does."""

    must_end = True
    lasts = 3 * LEASE_SECONDS
    variables = {LEASE_VARIABLE: str(LEASE_SECONDS)}

    def __init__(self, number: int, hold: bool) -> None:
        super().__init__(number)
        self.hold = hold
        self.frozen = asyncio.Event()
        self.over = asyncio.Event()

    @property
    def family(self) -> str:
        return "leader frozen, its request held" if self.hold else "leader frozen"

    async def on_request(self, exchange: Exchange) -> web.Response | None:
        if self.hold and exchange.process == "replica-a/1" and self._is_due(exchange):
            self._freeze()
            await self.over.wait()
        return None

    async def on_answered(self, exchange: Exchange) -> None:
        if not self.hold and exchange.process == "replica-a/1" and self._is_due(exchange):
            self._freeze()

    def _freeze(self) -> None:
        self.run.replicas["replica-a"].signal(signal.SIGSTOP)
        self.frozen.set()

    async def harm(self) -> None:
        await self.frozen.wait()
        await self.run.start("replica-b")
        moved = self.run.proxy.writes
        # The second has taken over when it has written, or when there was nothing left to write.
        await self.run.until(lambda: self.run.proxy.writes > moved, "", 2 * LEASE_SECONDS)
        self.run.outcome.fenced_at["replica-a/1"] = len(self.run.proxy.exchanges)
        self.run.expect_end("replica-a")
        self.run.replicas["replica-a"].signal(signal.SIGCONT)
        self.over.set()
        if self.hold:
            await for_ever()


def status_answer(status: int, reason: str, retry_after: int | None = None) -> web.Response:
    """What the API server says when it does not do something."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "reason": reason}
    headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
    return web.json_response({**body, "message": f"{reason}, says the fault"}, status=status, headers=headers)
