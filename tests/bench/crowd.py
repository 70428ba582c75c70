"""Crowds of objects, created at a rate or all at once, and what the API server's audit log says of what followed.

The audit log's times are the API server's own, to the microsecond: they do not depend on how quickly a watcher here wakes up."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime

from operator_process import AuditLog

Moments = tuple[datetime, datetime]
AT_ONCE = 50
"""Requests of ours that are under way at a time."""


async def all_at_once(names: Iterable[str], do: Callable[[str], Awaitable[object]], at_once: int = AT_ONCE) -> None:
    """Do it for each name, so many at a time."""
    slots = asyncio.Semaphore(at_once)

    async def one(name: str) -> None:
        async with slots:
            await do(name)

    await asyncio.gather(*(one(name) for name in names))


async def at_a_rate(names: Sequence[str], do: Callable[[str], Awaitable[object]], rate: float) -> None:
    """Do it for each name, `rate` of them a second, whether or not the ones before are done."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    tasks = []
    for index, name in enumerate(names):
        await asyncio.sleep(max(0.0, began + index / rate - loop.time()))
        tasks.append(asyncio.ensure_future(do(name)))
    await asyncio.gather(*tasks)


def created(audit: AuditLog, resource: str) -> dict[str, Moments]:
    """name -> when its creation was asked for, and when it was answered; the first time it succeeded."""
    found: dict[str, Moments] = {}
    for entry in audit.entries():
        target = entry.get("objectRef") or {}
        # An apply creates too, and says so by its answer.
        is_creation = entry["verb"] in ("create", "patch") and entry["responseStatus"]["code"] == 201
        if is_creation and target.get("resource") == resource and not target.get("subresource"):
            moments = _time(entry["requestReceivedTimestamp"]), _time(entry["stageTimestamp"])
            found.setdefault(target["name"], moments)
    return found


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def waits(owners: dict[str, Moments], children: dict[str, Moments]) -> list[float]:
    """Milliseconds from each owner's creation, asked for, to its first child's, answered; ascending. The child's name begins with the owner's, which has no hyphen."""
    first: dict[str, datetime] = {}
    for name, (_, answered) in children.items():
        owner = name.partition("-")[0]
        first[owner] = min(first.get(owner, answered), answered)
    return sorted((first[name] - asked).total_seconds() * 1000 for name, (asked, _) in owners.items() if name in first)


def percentile(ascending: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed."""
    return ascending[min(len(ascending) - 1, int(share * len(ascending)))]
