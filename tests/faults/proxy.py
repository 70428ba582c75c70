"""Stands between operator and API server: forwards, records, and lets a fault delay, drop, cut, corrupt, replay or answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Protocol
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from faults.exchange import Exchange

HOP_BY_HOP = {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "keep-alive"}
LARGEST_BODY = 8 * 1024 * 1024


class Cut(Exception):
    """Raised by a fault: the connection ends here, with a reset."""


class Interference(Protocol):
    """What a fault may do, in the order in which it is asked. Each may take its time."""

    async def on_request(self, exchange: Exchange) -> web.Response | None:
        """Before the API server sees it; an answer keeps it from being forwarded."""

    async def on_committed(self, exchange: Exchange) -> web.Response | None:
        """The API server has answered and the operator does not know yet; another answer goes out instead."""

    async def on_answered(self, exchange: Exchange) -> None:
        """The operator has its answer."""

    def lines(self, exchange: Exchange, upstream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """What a watch sends, given what the API server sends."""


class Proxy:
    """One trial's way to the API server, with an address for each process, so that it is known who asks."""

    def __init__(self, upstream: aiohttp.ClientSession, interference: Interference) -> None:
        self._upstream = upstream
        self._interference = interference
        self._runners: list[web.ServerRunner] = []
        self._barred: set[str] = set()
        self.exchanges: list[Exchange] = []
        """Every request, in the order of arrival."""
        self.watches: list[Exchange] = []
        """The watches that are open now."""
        self.writes = 0
        """Counted writes that have arrived."""

    async def listen(self, process: str) -> str:
        """Open an address for one process; its URL."""

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await self._handle(process, request)

        runner = web.ServerRunner(web.Server(handle, handler_cancellation=True), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self._runners.append(runner)
        host, port = runner.addresses[0][:2]
        return f"http://{host}:{port}"

    def bar(self, process: str) -> None:
        """Nothing of a killed process is forwarded any more: what was in its buffers died with it."""
        self._barred.add(process)

    def has_unanswered(self) -> bool:
        """Whether a write of a living process is under way."""
        return any(
            exchange.is_write and exchange.status == 0 and exchange.process not in self._barred
            for exchange in self.exchanges[-8:]
        )

    async def send_again(self, exchange: Exchange) -> int:
        """Send a write once more, as it was; the API server's second answer."""
        url = f"{exchange.path}?{urlencode(exchange.query)}" if exchange.query else exchange.path
        data = json.dumps(exchange.body).encode() if exchange.body is not None else None
        async with self._upstream.request(exchange.method, url, data=data, headers=exchange.headers) as response:
            await response.read()
            return response.status

    async def close(self) -> None:
        """Cut every connection."""
        for runner in self._runners:
            await runner.cleanup()

    async def _handle(self, process: str, request: web.BaseRequest) -> web.StreamResponse:
        data = await request.read()
        exchange = Exchange(
            process, request.method, request.path, dict(request.query), _json(data), headers=_headers(request)
        )
        if process in self._barred:
            return _reset(request)
        self.exchanges.append(exchange)
        if exchange.is_write:
            self.writes += 1
            exchange.number = self.writes
        try:
            answer = await self._interference.on_request(exchange)
            if answer is not None:
                exchange.status = answer.status
                return answer
            if exchange.verb == "watch":
                return await self._watch(exchange, request)
            # What the API server has begun it ends, whether or not somebody still listens.
            return await asyncio.shield(self._forward(exchange, request, data))
        except (Cut, aiohttp.ClientError, ConnectionError):
            return _reset(request)

    async def _forward(self, exchange: Exchange, request: web.BaseRequest, data: bytes) -> web.StreamResponse:
        async with self._upstream.request(
            request.method, request.path_qs, data=data or None, headers=exchange.headers
        ) as response:
            body = await response.read()
        exchange.forwarded, exchange.status, exchange.answer = True, response.status, _json(body)
        kept = {key: value for key, value in response.headers.items() if key.lower() not in HOP_BY_HOP}
        answer = await self._interference.on_committed(exchange) or web.Response(
            status=response.status, body=body, headers=kept
        )
        try:
            await answer.prepare(request)
            await answer.write_eof()
        except ConnectionError:
            # Nobody listens any more.
            return answer
        await self._interference.on_answered(exchange)
        return answer

    async def _watch(self, exchange: Exchange, request: web.BaseRequest) -> web.StreamResponse:
        async with self._upstream.get(
            request.path_qs, headers=exchange.headers, timeout=aiohttp.ClientTimeout(total=None)
        ) as response:
            exchange.forwarded, exchange.status = True, response.status
            answer = web.StreamResponse(status=response.status, headers={"Content-Type": "application/json"})
            await answer.prepare(request)
            self.watches.append(exchange)
            try:
                async for line in self._interference.lines(exchange, _lines(response)):
                    await answer.write(line)
            except ConnectionError:
                return answer
            finally:
                self.watches.remove(exchange)
            await answer.write_eof()
            return answer


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Whole lines: an event of a large object is larger than any buffer."""
    rest = b""
    async for chunk in response.content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line + b"\n"
    if rest:
        yield rest


def _headers(request: web.BaseRequest) -> dict[str, str]:
    return {key: value for key, value in request.headers.items() if key.lower() not in HOP_BY_HOP}


def _json(data: bytes) -> dict[str, object] | None:
    try:
        return dict(json.loads(data)) if data else None
    except (ValueError, TypeError):
        return None


def _reset(request: web.BaseRequest) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
