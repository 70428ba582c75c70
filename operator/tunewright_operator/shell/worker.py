"""Takes keys from the queue and has them looked at; turns every error into a later, rarer second look."""

import time

from tunewright_operator.shell.errors import ClusterError, Conflict, NotFound, NotLeading, Unavailable
from tunewright_operator.shell.logs import logger
from tunewright_operator.shell.metrics import Metrics
from tunewright_operator.shell.reconciler import Reconciler
from tunewright_operator.shell.workqueue import Key, WorkQueue


class Worker:
    """One of several that share a queue."""

    def __init__(self, queue: WorkQueue, reconciler: Reconciler, metrics: Metrics) -> None:
        self._queue = queue
        self._reconciler = reconciler
        self._metrics = metrics

    async def run(self) -> None:
        """Work for ever; ends only by cancellation."""
        while True:
            key = await self._queue.get()
            try:
                await self._look(key)
            finally:
                self._queue.done(key)

    async def _look(self, key: Key) -> None:
        started = time.monotonic()
        try:
            requeue_after = await self._reconciler.reconcile(key)
        except NotLeading:
            # The elector ends the process; nothing is to be repeated here.
            return
        except (Conflict, NotFound) as error:
            await self._after_race(key, error)
        except Exception as error:
            self._after_failure(key, error)
        else:
            self._queue.succeeded(key)
            if requeue_after is not None:
                self._queue.add_after(key, requeue_after)
        finally:
            self._metrics.reconciled(time.monotonic() - started)

    async def _after_race(self, key: Key, error: ClusterError) -> None:
        """Somebody was faster: read live, then look again."""
        self._metrics.reconcile_failed(error)
        try:
            await self._reconciler.refresh(key)
        except NotLeading:
            return
        except ClusterError as failure:
            self._after_failure(key, failure)
            return
        self._queue.add_failed(key)

    def _after_failure(self, key: Key, error: Exception) -> None:
        self._metrics.reconcile_failed(error)
        at_least = (error.retry_after or 0.0) if isinstance(error, Unavailable) else 0.0
        delay = self._queue.add_failed(key, at_least)
        fields = {
            "object_kind": key.kind,
            "namespace": key.namespace,
            "object": key.name,
            "error": type(error).__name__,
            "words": str(error)[:500],
            "again_in_seconds": round(delay, 3),
        }
        # A trace of our own fault helps; one of the API server's refusal only hides its words.
        logger.warning("A look at an object failed", extra=fields, exc_info=not isinstance(error, ClusterError))
