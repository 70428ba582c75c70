"""Runs a monitor: two loops that never stop, whatever the world outside answers, and the server that shows what they saw."""

import asyncio
import logging
import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

from tunewright_api.adapter_monitor import MonitorConfig, MonitorReport
from tunewright_monitor.comparison import Comparison
from tunewright_monitor.metrics import Metrics
from tunewright_monitor.probe import probe_round, roles
from tunewright_monitor.report import with_drift_failure, with_round, with_verdict
from tunewright_monitor.server import JSON, Page, Server, metrics_page
from tunewright_monitor.storage import StorageError

Result = TypeVar("Result")
logger = logging.getLogger(__name__)
GRACE_SECONDS = 600
"""A loop may be this much later than its interval, for slow storage, before /healthz asks for a restart."""


@dataclass
class Loop:
    """One thing that is done again and again."""

    name: str
    interval: float
    step: Callable[[], Awaitable[None]]
    longest: float = 0
    """Seconds that one step may take by its own limits."""
    finished_at: float = 0

    async def run(self) -> None:
        """Until cancelled. An error that nobody foresaw is logged, and the pod restarted by /healthz if it stays."""
        self.finished_at = time.monotonic()
        while True:
            try:
                await self.step()
                self.finished_at = time.monotonic()
            except Exception:
                logger.exception("The %s loop failed; the next attempt is in %s s", self.name, self.interval)
            await asyncio.sleep(self.interval)

    def is_late(self, now: float) -> bool:
        """Whether it has not finished a step for far too long."""
        return now - self.finished_at > self.interval + self.longest + GRACE_SECONDS


async def in_daemon_thread(function: Callable[[], Result]) -> Result:
    """Like asyncio.to_thread, but a process that is asked to stop does not wait for a server that does not answer."""
    outcome: Future[Result] = Future()

    def work() -> None:
        try:
            result = function()
        except BaseException as error:
            outcome.set_exception(error)
        else:
            outcome.set_result(result)

    outcome.set_running_or_notify_cancel()
    threading.Thread(target=work, name="storage", daemon=True).start()
    return await asyncio.wrap_future(outcome)


class Monitor:
    """One AdapterMonitor at work."""

    def __init__(self, config: MonitorConfig, secrets: Path) -> None:
        spec = self._spec = config.spec
        # Loops replace the report whole, in one thread; the server's threads see the old one or the new one.
        self._report = MonitorReport()
        self._metrics = Metrics(config.namespace, config.name)
        self._tls = ssl.create_default_context()
        models = roles(spec.endpoint)
        longest = len(models) * len(spec.probe.prompts) * spec.probe.timeout_seconds
        self._loops = [Loop("probe", spec.probe.interval_seconds, self.probe, longest)]
        if spec.drift:
            self._comparison = Comparison(spec.adapter_uri, spec.drift, spec.storage, secrets)
            self._loops.append(Loop("drift", spec.drift.interval_seconds, self.compare))
        self._metrics.start(list(models), drift=spec.drift is not None)

    async def run(self, port: int, stop: asyncio.Event) -> None:
        """Until `stop` is set."""
        pages = {"/metrics": self._metrics_page, "/healthz": self._health_page, "/report": self._report_page}
        with Server(port, pages) as server:
            logger.info("Watching %s; serving on port %s", self._spec.endpoint.url, server.port)
            running = [asyncio.create_task(loop.run(), name=loop.name) for loop in self._loops]
            await stop.wait()
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        logger.info("Stopped")

    async def probe(self) -> None:
        """One round of probes."""
        rounds = await probe_round(self._spec.endpoint, self._spec.probe, self._tls)
        for each in rounds:
            self._metrics.probed(each.role, each.answers, len(each.errors))
        self._show(with_round(self._report, rounds))

    async def compare(self) -> None:
        """One comparison of traffic."""
        try:
            # Storage blocks; probes are timed in this thread and must not wait for it.
            window, verdict = await in_daemon_thread(self._comparison.make)
        except StorageError as error:
            self._metrics.drift_failed()
            self._show(with_drift_failure(self._report, str(error)))
            return
        self._metrics.read(len(window.rows), window.rejected)
        self._metrics.compared(verdict.results, verdict.detected, time.time())
        self._show(with_verdict(self._report, verdict, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")))

    def _show(self, report: MonitorReport) -> None:
        before, self._report = self._report, report
        if before.reachable != report.reachable:
            logger.info("Reachable is %s now: %s", report.reachable, report.reachable_message)
        if before.drift_detected != report.drift_detected or (not before.drift_message and report.drift_message):
            logger.info("Drift detected is %s now: %s", report.drift_detected, report.drift_message)

    def _metrics_page(self) -> Page:
        return metrics_page(self._metrics.exposition())

    def _report_page(self) -> Page:
        return Page(self._report.model_dump_json(by_alias=True, exclude_none=True).encode(), JSON)

    def _health_page(self) -> Page:
        now = time.monotonic()
        if late := [loop.name for loop in self._loops if loop.is_late(now)]:
            return Page(f"late: {', '.join(late)}\n".encode(), status=HTTPStatus.SERVICE_UNAVAILABLE)
        return Page(b"ok\n")
