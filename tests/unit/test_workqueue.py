"""The work queue, on a clock that only the test moves."""

import asyncio

import pytest

from tunewright_operator.shell.workqueue import LONGEST_BACKOFF, Key, WorkQueue


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
def queue(clock: Clock) -> WorkQueue:
    return WorkQueue(clock=clock, jitter=lambda: 0.5)


def key(name: str, namespace: str = "team-a") -> Key:
    return Key("FineTuneJob", namespace, name)


def popped(queue: WorkQueue) -> list[str]:
    """All keys that can be had now, each done at once."""
    found = []
    while (next_key := queue.pop()) is not None:
        found.append(f"{next_key.namespace}/{next_key.name}")
        queue.done(next_key)
    return found


def test_a_key_that_is_added_twice_is_looked_at_once(queue: WorkQueue) -> None:
    queue.add(key("x"))
    queue.add(key("x"))
    assert popped(queue) == ["team-a/x"]


def test_a_key_is_never_given_to_two_workers(queue: WorkQueue) -> None:
    queue.add(key("x"))
    assert queue.pop() == key("x")
    queue.add(key("x"))
    assert queue.pop() is None


def test_a_key_added_while_it_is_looked_at_is_looked_at_once_more(queue: WorkQueue) -> None:
    queue.add(key("x"))
    assert queue.pop() == key("x")
    queue.add(key("x"))
    queue.add(key("x"))
    queue.done(key("x"))
    assert popped(queue) == ["team-a/x"]


def test_a_tenant_with_many_objects_does_not_keep_another_waiting(queue: WorkQueue) -> None:
    for name in "abc":
        queue.add(key(name, "greedy"))
    queue.add(key("x", "modest"))
    assert popped(queue) == ["greedy/a", "modest/x", "greedy/b", "greedy/c"]


def test_a_key_with_a_delay_comes_when_it_is_due(queue: WorkQueue, clock: Clock) -> None:
    queue.add_after(key("x"), 30)
    assert (popped(queue), queue.next_due()) == ([], 30)
    clock.now += 30
    assert popped(queue) == ["team-a/x"]
    assert queue.next_due() is None


@pytest.mark.parametrize(
    ("first", "second", "due"),
    [
        pytest.param(10, 30, 10, id="a-later-timer-changes-nothing"),
        pytest.param(30, 10, 10, id="an-earlier-timer-counts"),
    ],
)
def test_of_several_timers_the_earliest_counts(
    queue: WorkQueue, clock: Clock, first: float, second: float, due: float
) -> None:
    queue.add_after(key("x"), first)
    queue.add_after(key("x"), second)
    assert queue.next_due() == due
    clock.now += 1000
    assert popped(queue) == ["team-a/x"]


def test_each_failure_in_a_row_doubles_the_pause_up_to_five_minutes(queue: WorkQueue) -> None:
    pauses = [queue.add_failed(key("x")) for _ in range(20)]
    assert pauses[:4] == pytest.approx([0.005, 0.01, 0.02, 0.04])
    assert pauses[-1] == LONGEST_BACKOFF


def test_a_server_that_names_a_pause_gets_it(queue: WorkQueue) -> None:
    assert queue.add_failed(key("x"), at_least=30) == 30


def test_success_ends_the_row_of_failures(queue: WorkQueue) -> None:
    queue.add_failed(key("x"))
    queue.add_failed(key("x"))
    queue.succeeded(key("x"))
    assert queue.add_failed(key("x")) == pytest.approx(0.005)


def test_one_broken_object_does_not_slow_down_another(queue: WorkQueue) -> None:
    for _ in range(10):
        queue.add_failed(key("broken"))
    assert queue.add_failed(key("new")) == pytest.approx(0.005)


def test_ages_tell_a_stuck_queue_from_a_busy_one(queue: WorkQueue, clock: Clock) -> None:
    queue.add(key("x"))
    queue.add(key("y"))
    clock.now += 5
    assert (queue.depth, queue.head_age(), queue.longest_running()) == (2, 5, 0)
    queue.pop()
    clock.now += 7
    assert (queue.depth, queue.head_age(), queue.longest_running()) == (1, 12, 7)


async def test_waiting_workers_are_woken_one_by_one(queue: WorkQueue) -> None:
    workers = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(0)
    for name in "abc":
        queue.add(key(name))
    assert {found.name for found in await asyncio.gather(*workers)} == {"a", "b", "c"}


async def test_draining_waits_for_what_is_looked_at_and_gives_out_nothing_more(queue: WorkQueue) -> None:
    queue.add(key("x"))
    queue.add(key("y"))
    taken = queue.pop()
    assert taken is not None
    draining = asyncio.create_task(queue.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    assert queue.pop() is None
    queue.done(taken)
    await draining
    assert queue.pop() is None
