"""Every kopf decorator, and nothing else: kopf watches, and what it sees goes to the feed.

Only `on.event`: change handlers, timers, daemons and indices keep their state in annotations and finalizers of the users' objects."""

import random
from collections.abc import Iterator
from typing import Any

import kopf

from tunewright_operator.shell.credentials import Credentials
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


class _Backoffs:
    """Pauses between tries, without end: kopf ends the whole operator when its list of pauses does."""

    def __iter__(self) -> Iterator[float]:
        pause = 1.0
        while True:
            yield pause * (0.75 + 0.5 * random.random())
            pause = min(2 * pause, 30.0)


def _of(resource: Resource) -> tuple[str, str, str]:
    return resource.group, resource.version, resource.plural


def settings() -> kopf.OperatorSettings:
    """kopf as a watcher only: no events, no peers, no scans, no annotations; patient with a broken API server."""
    found = kopf.OperatorSettings()
    found.posting.enabled = False
    found.peering.standalone = True
    found.scanning.disabled = True
    found.networking.request_timeout = 30
    found.networking.connect_timeout = 10
    found.networking.error_backoffs = _Backoffs()
    # The API server sends a bookmark each minute; longer silence is a dead connection.
    found.watching.inactivity_timeout = 70
    found.watching.chunk_size = 500
    found.queueing.exit_timeout = 5
    found.queueing.worker_limit = 100
    for resource in WATCHED:
        labels = selector(resource)
        if labels is not None:
            found.watching.label_selectors[_of(resource)] = labels
    return found


@kopf.on.login()
def sign_in(memo: Any, **_: Any) -> kopf.ConnectionInfo:
    """kopf signs in as the client does."""
    credentials: Credentials = memo.credentials
    return kopf.ConnectionInfo(
        server=credentials.server,
        ca_data=credentials.ca_data,
        insecure=credentials.insecure or None,
        token=credentials.bearer_token(),
        certificate_data=credentials.certificate,
        private_key_data=credentials.private_key,
    )


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
