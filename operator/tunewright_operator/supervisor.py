"""Puts the parts together and watches over them: elect, list, watch, work; when one part ends, all end."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Coroutine
from typing import Any

from tunewright_api.adapter_monitor import MonitorReport
from tunewright_api.run import ProgressReport
from tunewright_operator.shell.cache import Cache
from tunewright_operator.shell.client import Client
from tunewright_operator.shell.credentials import Credentials
from tunewright_operator.shell.event_words import EventWords
from tunewright_operator.shell.events import Teller
from tunewright_operator.shell.execute import Executor
from tunewright_operator.shell.feed import Feed
from tunewright_operator.shell.leases import Elector
from tunewright_operator.shell.logs import logger
from tunewright_operator.shell.metrics import Metrics
from tunewright_operator.shell.observe import Observer
from tunewright_operator.shell.options import Options
from tunewright_operator.shell.progress import Puller
from tunewright_operator.shell.reconciler import Reconciler
from tunewright_operator.shell.refusals import Refusals
from tunewright_operator.shell.server import serve
from tunewright_operator.shell.worker import Worker
from tunewright_operator.shell.workqueue import WorkQueue
from tunewright_operator.watches import Watches

DRAIN_SECONDS = 10.0
LONGEST_STANDSTILL = 120.0
LONGEST_LOOK = 300.0
LONGEST_SILENCE = 60.0


class Operator:
    """One replica."""

    def __init__(self, options: Options, credentials: Credentials) -> None:
        self._options = options
        self._credentials = credentials
        self._queue = WorkQueue()
        self._cache = Cache()
        self._metrics = Metrics(self._cache, self._queue, lambda: self._teller.depth)
        self._client = Client(credentials, self._check_lease, self._metrics.wrote)
        self._teller = Teller(self._client, options.identity, lambda: self._queue.depth > 0)
        self._elector = Elector(self._client, options.lease_namespace, options.lease_name, options.identity)
        self._feed = Feed(self._client, self._cache, self._queue, self._metrics, options.namespaces)
        self._stopping = asyncio.Event()

    async def run(self) -> int:
        """Run until a signal or a fault; the exit code."""
        self._listen_to_signals()
        await self._client.start()
        try:
            await serve(self._options.port, self._metrics, self._health_problem, self._readiness_problem)
        except OSError as error:
            words = error.strerror or str(error)
            logger.error("The port cannot be listened to", extra={"port": self._options.port, "words": words})
            return 1
        logger.info("The operator has started", extra={"identity": self._options.identity})
        if not await self._unless_stopping(self._elector.acquire()):
            return 0
        self._metrics.leads(True)
        logger.info("This replica leads", extra={"identity": self._options.identity})
        lease = asyncio.create_task(self._end_with_lease(), name="lease")
        if not await self._unless_stopping(self._feed.resync_until_done()):
            return await self._stop(lease)
        return await self._supervise(lease, self._start_parts())

    def _check_lease(self) -> None:
        self._elector.check()

    def _start_parts(self) -> list[asyncio.Task[Any]]:
        watches = Watches(self._credentials, self._feed, self._options.namespaces, self._listen_to_signals)
        parts: dict[str, Coroutine[Any, Any, Any]] = {
            "watches": watches.run(),
            "resync": self._feed.resync_for_ever(),
            "events": self._teller.run(),
        }
        worker = Worker(self._queue, self._reconciler(), self._metrics)
        parts |= {f"worker-{number}": worker.run() for number in range(self._options.workers)}
        return [asyncio.create_task(part, name=name) for name, part in parts.items()]

    def _reconciler(self) -> Reconciler:
        settings = self._options.settings
        events = EventWords(self._client)
        refusals = Refusals(events)
        progress = Puller("/progress", ProgressReport, settings.poll_seconds)
        reports = Puller("/report", MonitorReport, settings.poll_seconds)
        return Reconciler(
            client=self._client,
            cache=self._cache,
            observer=Observer(self._client, self._cache, refusals, events, progress, reports),
            executor=Executor(self._client, self._cache, refusals),
            teller=self._teller,
            metrics=self._metrics,
            settings=settings,
        )

    async def _supervise(self, lease: asyncio.Task[None], parts: list[asyncio.Task[Any]]) -> int:
        stop = asyncio.create_task(self._stopping.wait(), name="signals")
        done, _ = await asyncio.wait([stop, lease, *parts], return_when=asyncio.FIRST_COMPLETED)
        if stop in done:
            return await self._stop(lease)
        for part in done:
            error = None if part.cancelled() else part.exception()
            logger.error("A part has ended, so the operator ends", extra={"part": part.get_name()}, exc_info=error)
        return 1

    async def _stop(self, lease: asyncio.Task[None]) -> int:
        """Finish what is being looked at, then let another replica lead at once."""
        logger.info("The operator stops")
        for part, work in (("looks at objects", self._queue.drain()), ("events", self._teller.finish())):
            try:
                await asyncio.wait_for(work, DRAIN_SECONDS)
            except TimeoutError:
                logger.warning("Work was cut off", extra={"part": part, "after_seconds": DRAIN_SECONDS})
        # A renewal under way would write after the release; and whoever renews would take the release for a loss.
        lease.cancel()
        await asyncio.gather(lease, return_exceptions=True)
        await self._elector.release()
        return 0

    async def _end_with_lease(self) -> None:
        await self._elector.keep()
        # At once and without clean-up: another replica may be leading already.
        logger.error("The lease is lost, so the operator ends", extra={"identity": self._options.identity})
        sys.stdout.flush()
        os._exit(1)

    async def _unless_stopping(self, work: Awaitable[None]) -> bool:
        """Whether `work` was done before a signal came."""
        task, stop = asyncio.ensure_future(work), asyncio.create_task(self._stopping.wait())
        await asyncio.wait([task, stop], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not task.done():
            task.cancel()
            return False
        task.result()
        return not self._stopping.is_set()

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)

    def _health_problem(self) -> str | None:
        """A restart would help against this."""
        if self._queue.standstill() > LONGEST_STANDSTILL:
            return f"the queue has not moved for {self._queue.standstill():.0f} s"
        if self._queue.longest_running() > LONGEST_LOOK:
            return f"a worker has been busy with one object for {self._queue.longest_running():.0f} s"
        return None

    def _readiness_problem(self) -> str | None:
        silence = time.monotonic() - self._elector.last_contact
        return f"the API server has not answered for {silence:.0f} s" if silence > LONGEST_SILENCE else None
