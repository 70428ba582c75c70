"""Pulls from pods, which are tenants' and may answer anything. The servers are real, the clock is the test's."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tunewright_api.run import ProgressReport
from tunewright_api.status import Progress
from tunewright_operator.shell.progress import LARGEST_ANSWER, Puller

GOOD = ProgressReport(progress=Progress(step="train-sft", global_step=7)).model_dump_json(by_alias=True)


class Clock:
    """Time as the test says."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Pod:
    """A pod with one page; counts who asks."""

    def __init__(self, answer: Callable[[], web.Response], ready: asyncio.Event | None = None) -> None:
        self.answer = answer
        self.ready = ready
        self.asked = 0

    async def serve(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.ready is not None:
            await self.ready.wait()
        return self.answer()


@asynccontextmanager
async def puller(pod: Pod, clock: Clock, patience_seconds: float = 30) -> AsyncIterator[Puller[ProgressReport]]:
    application = web.Application()
    application.router.add_get("/progress", pod.serve)
    async with TestServer(application) as server:
        found = Puller("/progress", ProgressReport, 5, clock, server.port or 0, patience_seconds)
        try:
            yield found
        finally:
            await found.close()


async def test_a_report_is_read_and_kept_for_a_while() -> None:
    clock, pod = Clock(), Pod(lambda: web.Response(text=GOOD))
    async with puller(pod, clock) as pulls:
        first = await pulls.report("uid", "127.0.0.1")
        assert first is not None
        assert first.progress.global_step == 7
        assert await pulls.report("uid", "127.0.0.1") == first
        assert pod.asked == 1
        clock.now += 5
        await pulls.report("uid", "127.0.0.1")
        assert pod.asked == 2


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda: web.Response(status=500, text=GOOD), id="an-error"),
        pytest.param(lambda: web.Response(text="x" * (LARGEST_ANSWER + 1)), id="too-much"),
        pytest.param(lambda: web.Response(text="not json"), id="no-json"),
        pytest.param(lambda: web.Response(text='{"progress": 3}'), id="another-shape"),
        pytest.param(lambda: web.Response(status=302, headers={"Location": "/progress"}), id="a-way-elsewhere"),
    ],
)
async def test_anything_else_is_no_report(answer: Callable[[], web.Response]) -> None:
    pod = Pod(answer)
    async with puller(pod, Clock()) as pulls:
        assert await pulls.report("uid", "127.0.0.1") is None
        assert pod.asked == 1


async def test_a_pod_that_does_not_answer_is_asked_more_and_more_rarely() -> None:
    clock, pod = Clock(), Pod(lambda: web.Response(status=500))
    async with puller(pod, clock) as pulls:
        for _ in range(60):
            await pulls.report("uid", "127.0.0.1")
            clock.now += 5
    assert pod.asked < 12


async def test_a_pod_that_cannot_be_reached_is_no_error() -> None:
    pulls = Puller("/progress", ProgressReport, 5, Clock(), 9, patience_seconds=30)
    assert await pulls.report("uid", "127.0.0.1") is None
    await pulls.close()


async def test_a_look_does_not_wait_for_a_slow_pod_and_is_told_the_answer_later() -> None:
    clock, slow = Clock(), asyncio.Event()
    pod = Pod(lambda: web.Response(text=GOOD), slow)
    async with puller(pod, clock, patience_seconds=0.01) as pulls:
        assert await pulls.report("uid", "127.0.0.1") is None
        assert await pulls.report("uid", "127.0.0.1") is None
        slow.set()
        async with asyncio.timeout(30):
            while (found := await pulls.report("uid", "127.0.0.1")) is None:
                pass
        assert found.progress.global_step == 7
    assert pod.asked == 1


async def test_an_old_report_is_not_told_while_a_new_one_is_on_its_way() -> None:
    clock, ready = Clock(), asyncio.Event()
    ready.set()
    async with puller(Pod(lambda: web.Response(text=GOOD), ready), clock, patience_seconds=30) as pulls:
        assert await pulls.report("uid", "127.0.0.1") is not None
        ready.clear()
        clock.now += 600
        asked = asyncio.create_task(pulls.report("uid", "127.0.0.1"))
        await asyncio.sleep(0)
        pulls._patience = 0
        assert await pulls.report("uid", "127.0.0.1") is None
        ready.set()
        assert await asked is not None


async def test_silence_is_counted_from_the_first_question_and_ends_with_an_answer() -> None:
    clock, answers = Clock(), False
    pod = Pod(lambda: web.Response(text=GOOD) if answers else web.Response(status=503))
    async with puller(pod, clock) as pulls:
        assert pulls.silence_seconds("uid") == 0
        for _ in range(3):
            await pulls.report("uid", "127.0.0.1")
            clock.now += 60
        assert pulls.silence_seconds("uid") == 180
        answers = True
        await pulls.report("uid", "127.0.0.1")
        assert pulls.silence_seconds("uid") == 0
