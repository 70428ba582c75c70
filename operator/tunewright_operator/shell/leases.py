"""Elects one leader among the replicas by a Lease. Who loses the lease, or cannot renew it in time, must end at once.

Written here because the client library's elector keeps a replica leading after its connection has broken."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from tunewright_operator.shell.errors import AlreadyExists, ClusterError, Conflict, NotFound, NotLeading
from tunewright_operator.shell.resources import LEASES, Resource

Body = dict[str, Any]


class LeaseApi(Protocol):
    """The three requests that an election needs."""

    async def get(self, resource: Resource, namespace: str, name: str) -> Body:
        """Read the Lease."""

    async def create(self, resource: Resource, body: Body) -> Body:
        """Make the Lease."""

    async def replace(self, resource: Resource, body: Body) -> Body:
        """Write over exactly the version that was read."""


@dataclass(frozen=True)
class LeaseTimes:
    """The lease ends `duration` after the last renewal that anybody saw; its holder stops `margin` earlier."""

    duration: float = 15.0
    renew: float = 4.0
    retry: float = 1.0
    poll: float = 2.0
    margin: float = 3.0


class Elector:
    """One replica's part in the election. Other clocks are never read: a lease is old when it has not changed for long on this clock."""

    def __init__(
        self,
        api: LeaseApi,
        namespace: str,
        name: str,
        identity: str,
        times: LeaseTimes | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._times = times or LeaseTimes()
        self._clock = clock
        self._lease: Body | None = None
        self._seen: tuple[str, float] = ("", 0.0)
        self._renewed: float | None = None
        self.last_contact = clock()
        """When the API server last answered, for the probes."""

    @property
    def leads(self) -> bool:
        """Whether this replica may write now."""
        return self._renewed is not None and self._clock() < self._renewed + self._times.duration - self._times.margin

    def check(self) -> None:
        """Raise unless this replica leads: a process that was frozen for longer than the lease must not write when it wakes."""
        if not self.leads:
            raise NotLeading("this replica does not hold the lease")

    async def acquire(self) -> None:
        """Return when this replica leads."""
        while True:
            if await self.attempt():
                return
            await asyncio.sleep(self._pause_before_retry())

    async def keep(self) -> None:
        """Renew for ever; return when the lease is lost."""
        pause = self._times.renew
        while True:
            await asyncio.sleep(pause)
            if not self.leads:
                return
            pause = self._times.renew if await self.attempt() else self._times.retry
            if self._renewed is None:
                return

    async def release(self) -> None:
        """Give the lease back, so that another replica need not wait for it to end."""
        if self._lease is None or self._renewed is None:
            return
        self._renewed = None
        try:
            await self._api.replace(LEASES, self._filled({**self._lease}, holder=""))
        except ClusterError:
            # It ends by itself a little later.
            return

    async def attempt(self) -> bool:
        """Take or renew the lease; False when somebody else has it or the API server does not answer."""
        started = self._clock()
        try:
            lease = self._lease if self._renewed is not None and self._lease is not None else await self._read()
            self.last_contact = self._clock()
            if lease is not None and not self._may_take(lease):
                self._lease, self._renewed = None, None
                return False
            self._lease = await self._write(lease)
        except (Conflict, AlreadyExists):
            # Somebody has written since: the next try reads first. Who leads and conflicts has lost unless the reading says otherwise.
            self.last_contact = self._clock()
            return await self._still_mine()
        except ClusterError:
            return False
        # From before the request: the others count from when they see the write, which is later.
        self._renewed = started
        self.last_contact = self._clock()
        return True

    async def _read(self) -> Body | None:
        try:
            return await self._api.get(LEASES, self._namespace, self._name)
        except NotFound:
            return None

    async def _still_mine(self) -> bool:
        if self._renewed is None:
            return False
        try:
            lease = await self._read()
        except ClusterError:
            return False
        if lease is None or (lease.get("spec") or {}).get("holderIdentity") != self._identity:
            self._lease, self._renewed = None, None
            return False
        # An own write whose answer was lost, or a label that somebody has set.
        self._lease = lease
        return False

    def _may_take(self, lease: Body) -> bool:
        holder = (lease.get("spec") or {}).get("holderIdentity") or ""
        version = lease["metadata"]["resourceVersion"]
        if version != self._seen[0]:
            self._seen = (version, self._clock())
        if holder in ("", self._identity):
            return True
        return self._clock() >= self._seen[1] + self._duration_of(lease)

    def _duration_of(self, lease: Body) -> float:
        return float((lease.get("spec") or {}).get("leaseDurationSeconds") or self._times.duration)

    def _pause_before_retry(self) -> float:
        # Not longer than until the lease that is waited for ends: fail-over is as fast as the lease allows.
        left = self._seen[1] + self._times.duration - self._clock()
        jittered = self._times.poll * (0.75 + 0.5 * random.random())
        return min(jittered, left + 0.05) if left > 0 else jittered

    async def _write(self, lease: Body | None) -> Body:
        if lease is None:
            metadata = {"name": self._name, "namespace": self._namespace}
            fresh: Body = {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": metadata}
            return await self._api.create(LEASES, self._filled(fresh, self._identity))
        return await self._api.replace(LEASES, self._filled(lease, self._identity))

    def _filled(self, lease: Body, holder: str) -> Body:
        spec = dict(lease.get("spec") or {})
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        if spec.get("holderIdentity") != holder:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + (1 if holder else 0)
        spec |= {"holderIdentity": holder, "renewTime": now, "leaseDurationSeconds": int(self._times.duration)}
        return {**lease, "spec": spec}
