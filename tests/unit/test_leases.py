"""The election, on a clock that only the test moves and a Lease in memory: the faults of a real API server cannot be made on demand."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tunewright_operator.shell.errors import AlreadyExists, Conflict, NotFound, NotLeading, Unavailable
from tunewright_operator.shell.leases import Elector
from tunewright_operator.shell.resources import Resource

Body = dict[str, Any]


class LeaseInMemory:
    """One Lease with optimistic locking, and faults on demand."""

    def __init__(self) -> None:
        self.lease: Body | None = None
        self.version = 0
        self.writes = 0
        self.fault: Callable[[], None] = lambda: None
        self.lose_answer = False

    async def get(self, resource: Resource, namespace: str, name: str) -> Body:
        self.fault()
        if self.lease is None:
            raise NotFound("no lease")
        return copy.deepcopy(self.lease)

    async def create(self, resource: Resource, body: Body) -> Body:
        self.fault()
        if self.lease is not None:
            raise AlreadyExists("there is one")
        return self._store(body)

    async def replace(self, resource: Resource, body: Body) -> Body:
        self.fault()
        assert self.lease is not None
        if body["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise Conflict("changed")
        return self._store(body)

    def _store(self, body: Body) -> Body:
        self.version += 1
        self.writes += 1
        self.lease = copy.deepcopy(body)
        self.lease["metadata"]["resourceVersion"] = str(self.version)
        if self.lose_answer:
            raise Unavailable("the answer was lost")
        return copy.deepcopy(self.lease)

    @property
    def holder(self) -> str:
        return self.lease["spec"]["holderIdentity"] if self.lease else ""


class Clock:
    """Time as the test says."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def api() -> LeaseInMemory:
    return LeaseInMemory()


def replica(api: LeaseInMemory, clock: Clock, identity: str) -> Elector:
    return Elector(api, "system", "operator", identity, clock=clock)


def unavailable() -> None:
    raise Unavailable("out of reach")


async def test_the_first_replica_makes_the_lease_and_leads(api: LeaseInMemory, clock: Clock) -> None:
    first = replica(api, clock, "a")
    with pytest.raises(NotLeading):
        first.check()
    assert await first.attempt()
    first.check()
    assert api.holder == "a"


async def test_the_second_waits_while_the_first_renews(api: LeaseInMemory, clock: Clock) -> None:
    first, second = replica(api, clock, "a"), replica(api, clock, "b")
    await first.attempt()
    for _ in range(20):
        clock.now += 4
        assert await first.attempt()
        assert not await second.attempt()
    assert api.holder == "a"


async def test_a_lease_that_nobody_renews_is_taken_after_its_duration_and_not_before(
    api: LeaseInMemory, clock: Clock
) -> None:
    first, second = replica(api, clock, "a"), replica(api, clock, "b")
    await first.attempt()
    assert not await second.attempt()
    clock.now += 14.9
    assert not await second.attempt()
    clock.now += 0.2
    assert await second.attempt()
    assert (api.holder, api.lease and api.lease["spec"]["leaseTransitions"]) == ("b", 2)


async def test_a_leader_stops_writing_before_anybody_can_take_over(api: LeaseInMemory, clock: Clock) -> None:
    first, second = replica(api, clock, "a"), replica(api, clock, "b")
    await first.attempt()
    await second.attempt()
    clock.now += 12.1
    assert not first.leads
    assert not await second.attempt()


async def test_a_leader_that_slept_through_its_lease_must_not_write(api: LeaseInMemory, clock: Clock) -> None:
    first, second = replica(api, clock, "a"), replica(api, clock, "b")
    await first.attempt()
    await second.attempt()
    clock.now += 60
    await second.attempt()
    with pytest.raises(NotLeading):
        first.check()
    assert not await first.attempt()
    assert api.holder == "b"


async def test_a_leader_survives_a_short_silence_of_the_api_server(api: LeaseInMemory, clock: Clock) -> None:
    first = replica(api, clock, "a")
    await first.attempt()
    api.fault = unavailable
    clock.now += 4
    assert not await first.attempt()
    assert first.leads
    api.fault = lambda: None
    clock.now += 4
    assert await first.attempt()


async def test_a_renewal_whose_answer_was_lost_is_not_a_lost_lease(api: LeaseInMemory, clock: Clock) -> None:
    first = replica(api, clock, "a")
    await first.attempt()
    api.lose_answer = True
    clock.now += 4
    assert not await first.attempt()
    api.lose_answer = False
    clock.now += 1
    await first.attempt()
    assert first.leads
    assert await first.attempt()


async def test_two_replicas_that_take_an_ended_lease_at_once_do_not_both_lead(api: LeaseInMemory, clock: Clock) -> None:
    gone, first, second = (replica(api, clock, name) for name in ("gone", "a", "b"))
    await gone.attempt()
    await first.attempt()
    await second.attempt()
    clock.now += 16
    stale = await api.get(None, "system", "operator")  # type: ignore[arg-type]
    assert await first.attempt()
    original = api.get

    async def read_before_the_write(*_: Any) -> Body:
        return copy.deepcopy(stale)

    api.get = read_before_the_write  # type: ignore[method-assign]
    assert not await second.attempt()
    api.get = original  # type: ignore[method-assign]
    assert (api.holder, first.leads, second.leads) == ("a", True, False)


async def test_a_released_lease_is_taken_at_once(api: LeaseInMemory, clock: Clock) -> None:
    first, second = replica(api, clock, "a"), replica(api, clock, "b")
    await first.attempt()
    await second.attempt()
    await first.release()
    assert not first.leads
    assert await second.attempt()


async def test_a_replica_that_does_not_lead_releases_nothing(api: LeaseInMemory, clock: Clock) -> None:
    first, second = replica(api, clock, "a"), replica(api, clock, "b")
    await first.attempt()
    await second.attempt()
    writes = api.writes
    await second.release()
    assert (api.holder, api.writes) == ("a", writes)


async def test_a_lease_that_an_administrator_gave_away_is_lost(api: LeaseInMemory, clock: Clock) -> None:
    first = replica(api, clock, "a")
    await first.attempt()
    assert api.lease is not None
    taken = copy.deepcopy(api.lease)
    taken["spec"]["holderIdentity"] = "b"
    await api.replace(None, taken)  # type: ignore[arg-type]
    clock.now += 4
    assert not await first.attempt()
    assert not first.leads


async def test_a_replica_that_comes_back_under_its_name_leads_at_once(api: LeaseInMemory, clock: Clock) -> None:
    await replica(api, clock, "a").attempt()
    assert await replica(api, clock, "a").attempt()
