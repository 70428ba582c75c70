"""Between the watches and the queue: news goes into the cache, and its owner's key into the queue."""

import asyncio
import random
from collections.abc import Mapping
from functools import partial
from typing import Any

from tunewright_operator.shell.cache import Cache
from tunewright_operator.shell.client import Client
from tunewright_operator.shell.errors import ClusterError
from tunewright_operator.shell.logs import logger
from tunewright_operator.shell.metrics import Metrics
from tunewright_operator.shell.resources import WATCHED, Resource, selector
from tunewright_operator.shell.workqueue import WorkQueue

RESYNC_SECONDS = (300.0, 600.0)
FIRST_RESYNC_SECONDS = 60.0
"""What was deleted between our first list and kopf's is in neither."""
GAP_SECONDS = 1.0
"""Watches break together: their gaps are mended together."""


class Feed:
    """Keeps the cache true and the queue told."""

    def __init__(
        self, client: Client, cache: Cache, queue: WorkQueue, metrics: Metrics, namespaces: tuple[str, ...]
    ) -> None:
        """No namespaces: all of them."""
        self._client = client
        self._cache = cache
        self._queue = queue
        self._metrics = metrics
        self._namespaces: tuple[str | None, ...] = namespaces or (None,)
        self._gaps: set[Resource] = set()
        self._gap = asyncio.Event()

    def watched(self, resource: Resource, event: Mapping[str, Any]) -> None:
        """A watch has shown something; its type is absent for what a list has shown."""
        body = event["object"]
        take = self._cache.forget if event["type"] == "DELETED" else self._cache.observe
        for key in take(resource, body):
            self._queue.add(key)

    def is_news(self, resource: Resource, body: dict[str, Any]) -> bool:
        """Whether something that a watch has listed is worth being told."""
        return self._cache.is_news(resource, body)

    def list_again(self, resource: Resource) -> None:
        """The watch of a kind has had a gap: what was deleted in it must be found out."""
        self._gaps.add(resource)
        self._gap.set()

    async def mend(self) -> None:
        """List the kinds whose watches have had a gap."""
        for resource in tuple(self._gaps):
            self._gaps.discard(resource)
            try:
                await self._resync_kind(resource)
            except ClusterError:
                self.list_again(resource)
                raise

    async def _resync_kind(self, resource: Resource) -> None:
        keep = partial(self._cache.thinned, resource)
        for namespace in self._namespaces:
            listing = await self._client.list(resource, namespace, selector(resource), keep=keep)
            for key in self._cache.resync(resource, namespace, listing.items, listing.resource_version):
                self._queue.add(key)

    async def resync(self) -> None:
        """List everything, drop what has vanished, and have every object looked at."""
        for resource in WATCHED:
            await self._resync_kind(resource)
        self._metrics.relisted()
        for key in self._cache.owners():
            self._queue.add(key)

    async def resync_until_done(self) -> None:
        """The first list: nothing may be decided before it, and the CRDs may come after the operator."""
        pause = 1.0
        while True:
            try:
                await self.resync()
                return
            except ClusterError as error:
                logger.warning("The first list failed", extra={"words": str(error), "again_in_seconds": round(pause)})
                await asyncio.sleep(pause * (0.75 + 0.5 * random.random()))
                pause = min(2 * pause, 30.0)

    async def resync_for_ever(self) -> None:
        """Repair what the watches have missed: all of it every five to ten minutes, a known gap at once."""
        loop = asyncio.get_running_loop()
        due = loop.time() + min(FIRST_RESYNC_SECONDS, *RESYNC_SECONDS)
        while True:
            try:
                if await self._gap_before(due):
                    await self.mend()
                else:
                    due = loop.time() + random.uniform(*RESYNC_SECONDS)
                    await self.resync()
            except ClusterError as error:
                logger.warning("A list failed", extra={"words": str(error)})

    async def _gap_before(self, due: float) -> bool:
        """Wait until `due`, or until a little after a gap has become known; whether it is the latter."""
        try:
            async with asyncio.timeout_at(due):
                await self._gap.wait()
        except TimeoutError:
            return False
        await asyncio.sleep(GAP_SECONDS * (0.75 + 0.5 * random.random()))
        self._gap.clear()
        return True
