"""Every kopf decorator, and nothing else: kopf watches, and what it sees goes to the feed.

Only `on.event`: change handlers, timers, daemons and indices keep their state in annotations and finalizers of the users' objects."""

from collections.abc import Iterable
from typing import Any

import kopf

from tunewright_operator.shell.resources import (
    ADAPTER_MONITORS,
    DEPLOYMENTS,
    FINE_TUNE_JOBS,
    JOBS,
    PODS,
    WATCHED,
    Resource,
    selector,
)

INACTIVITY_SECONDS = 70.0


def _of(resource: Resource) -> tuple[str, str, str]:
    return resource.group, resource.version, resource.plural


class _NoDiffs(kopf.DiffBaseStorage):
    """kopf would copy each object of each event several times, to look for changes that nobody handles."""

    def build(self, *, body: kopf.Body, extra_fields: Any = None) -> kopf.BodyEssence:
        """Nothing of an object is essential to kopf."""
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        """Nothing was stored."""
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Nothing is stored."""


def settings(pauses: Iterable[float]) -> kopf.OperatorSettings:
    """kopf as a watcher only: no events, no peers, no scans, no annotations; patient with a broken API server."""
    found = kopf.OperatorSettings()
    found.posting.enabled = False
    found.peering.standalone = True
    found.scanning.disabled = True
    found.networking.request_timeout = 30
    found.networking.connect_timeout = 10
    found.networking.error_backoffs = pauses
    # The API server sends a bookmark each minute; longer silence is a dead connection.
    found.watching.inactivity_timeout = INACTIVITY_SECONDS
    found.watching.chunk_size = 100
    found.persistence.diffbase_storage = _NoDiffs()
    found.queueing.exit_timeout = 5
    # A worker of kopf waits for more news of its object, which holds back a crowd if workers are counted: none are, and none waits long.
    found.queueing.worker_limit = None
    found.queueing.idle_timeout = 0.1
    for resource in WATCHED:
        labels = selector(resource)
        if labels is not None:
            found.watching.label_selectors[_of(resource)] = labels
    return found


@kopf.on.login()
async def sign_in(memo: Any, **_: Any) -> kopf.AiohttpSession:
    """kopf signs in as the client does."""
    session: kopf.AiohttpSession = await memo.sign_in()
    return session


@kopf.on.event(*_of(FINE_TUNE_JOBS))
async def fine_tune_job_seen(event: Any, memo: Any, **_: Any) -> None:
    """A FineTuneJob was made, changed or deleted."""
    memo.feed.watched(FINE_TUNE_JOBS, event)


@kopf.on.event(*_of(ADAPTER_MONITORS))
async def adapter_monitor_seen(event: Any, memo: Any, **_: Any) -> None:
    """An AdapterMonitor was made, changed or deleted."""
    memo.feed.watched(ADAPTER_MONITORS, event)


@kopf.on.event(*_of(JOBS))
async def job_seen(event: Any, memo: Any, **_: Any) -> None:
    """A Job of ours was made, changed or deleted."""
    memo.feed.watched(JOBS, event)


@kopf.on.event(*_of(PODS))
async def pod_seen(event: Any, memo: Any, **_: Any) -> None:
    """A pod of ours was made, changed or deleted."""
    memo.feed.watched(PODS, event)


@kopf.on.event(*_of(DEPLOYMENTS))
async def deployment_seen(event: Any, memo: Any, **_: Any) -> None:
    """A monitor's Deployment was made, changed or deleted."""
    memo.feed.watched(DEPLOYMENTS, event)
