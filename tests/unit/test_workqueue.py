"""The work queue, on a clock that only the test moves."""

import asyncio

import pytest

from tunewright_operator.shell.workqueue import (
    ALONE_AFTER_SECONDS,
    LONGEST_BACKOFF,
    MOST_ALONE,
    MOST_BESIDE_OTHERS,
    Key,
    WorkQueue,
)


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


def taken(queue: WorkQueue) -> list[str]:
    """The namespaces of all keys that can be had now, none of them done."""
    found = []
    while (next_key := queue.pop()) is not None:
        found.append(next_key.namespace)
    return found


def test_a_tenant_that_is_alone_takes_many_workers_and_the_next_when_one_is_done(queue: WorkQueue) -> None:
    for number in range(MOST_ALONE + 2):
        queue.add(key(str(number), "greedy"))
    assert taken(queue) == ["greedy"] * MOST_ALONE
    queue.done(key("0", "greedy"))
    assert taken(queue) == ["greedy"]


def test_a_tenant_beside_others_takes_few_until_they_have_been_silent_for_a_while(
    queue: WorkQueue, clock: Clock
) -> None:
    for number in range(MOST_ALONE + 2):
        queue.add(key(str(number), "greedy"))
    queue.add(key("x", "modest"))
    assert sorted(taken(queue)) == ["greedy"] * MOST_BESIDE_OTHERS + ["modest"]
    queue.done(key("x", "modest"))
    assert taken(queue) == []
    clock.now += ALONE_AFTER_SECONDS + 0.1
    assert taken(queue) == ["greedy"] * (MOST_ALONE - MOST_BESIDE_OTHERS)


async def test_a_worker_that_waits_for_a_tenants_turn_is_woken_when_it_comes(queue: WorkQueue) -> None:
    for number in range(MOST_ALONE + 1):
        queue.add(key(str(number)))
    for _ in range(MOST_ALONE):
        await queue.get()
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.done(key("0"))
    assert await asyncio.wait_for(waiting, 10) == key(str(MOST_ALONE))


def test_a_tenant_that_waits_for_its_turn_is_no_standstill_while_others_move(queue: WorkQueue, clock: Clock) -> None:
    for number in range(MOST_ALONE + 1):
        queue.add(key(str(number)))
    taken(queue)
    clock.now += 100
    assert (queue.head_age(), queue.standstill()) == (100, 100)
    queue.add(key("x", "modest"))
    assert queue.pop() == key("x", "modest")
    clock.now += 1
    assert (queue.head_age(), queue.standstill()) == (101, 1)


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


async def test_many_workers_miss_no_key_of_many_tenants_whether_it_comes_at_once_or_later() -> None:
    """On real time: every order of waking up, of timers and of ends is met by some of them."""
    queue = WorkQueue()
    wanted = {key(str(number), f"team-{number % 3}") for number in range(300)}
    seen: list[Key] = []
    complete = asyncio.Event()

    async def work() -> None:
        while True:
            found = await queue.get()
            await asyncio.sleep(0)
            seen.append(found)
            queue.done(found)
            if len(seen) == len(wanted):
                complete.set()

    workers = [asyncio.create_task(work()) for _ in range(16)]
    for index, each in enumerate(sorted(wanted)):
        if index % 2:
            queue.add(each)
        else:
            queue.add_after(each, (index % 7) / 1000)
        if index % 10 == 0:
            await asyncio.sleep(0)
    await asyncio.wait_for(complete.wait(), 30)
    for worker in workers:
        worker.cancel()
    assert sorted(seen) == sorted(wanted)


async def test_a_timer_that_is_set_while_all_wait_for_a_later_one_is_kept() -> None:
    queue = WorkQueue()
    queue.add_after(key("late"), 3600)
    waiting = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(0)
    queue.add_after(key("soon"), 0.001)
    done, _ = await asyncio.wait(waiting, timeout=10, return_when=asyncio.FIRST_COMPLETED)
    assert [task.result() for task in done] == [key("soon")]
    for task in waiting:
        task.cancel()


async def test_a_timer_that_is_due_already_is_not_waited_for_while_a_tenant_has_its_share(queue: WorkQueue) -> None:
    for number in range(MOST_ALONE + 1):
        queue.add(key(str(number)))
    taken(queue)
    queue.add_after(key("due", "modest"), 0)
    await asyncio.wait_for(queue._wait(), ALONE_AFTER_SECONDS / 2)
    assert queue.pop() == key("due", "modest")
