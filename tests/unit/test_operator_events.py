"""Events are told beside the work: in order, once, later when the API server is away, and never at the price of the next one."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tunewright_operator.core.types import Event
from tunewright_operator.shell import events
from tunewright_operator.shell.errors import AlreadyExists, NotLeading, Refused, Unavailable
from tunewright_operator.shell.events import MOST_TRIES, Teller
from tunewright_operator.shell.resources import EVENTS, FINE_TUNE_JOBS, Resource

BODY = {"metadata": {"name": "demo", "namespace": "team", "uid": "u", "resourceVersion": "7"}}


class Server:
    """An API server that answers as told, then accepts."""

    def __init__(self, *answers: Exception | None) -> None:
        self.accepted: list[dict[str, Any]] = []
        self.asked = 0
        self._answers = list(answers)

    async def create(self, resource: Resource, body: dict[str, Any]) -> dict[str, Any]:
        assert resource is EVENTS
        self.asked += 1
        answer = self._answers.pop(0) if self._answers else None
        if answer is not None:
            raise answer
        self.accepted.append(body)
        return body


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PAUSE", 0.0)
    monkeypatch.setattr(events, "BUSY_PAUSE", 0.0)
    monkeypatch.setattr(events, "OUTAGE_PAUSE", 0.0)


def told(server: Server, *messages: str, busy: Callable[[], bool] = lambda: False) -> list[str]:
    """The messages that arrive when these are told."""

    async def tell() -> None:
        teller = Teller(server, "replica-1", busy)  # type: ignore[arg-type]
        for message in messages:
            teller.tell(FINE_TUNE_JOBS, BODY, Event("Normal", "StepStarted", message))
        writing = asyncio.create_task(teller.run())
        await asyncio.wait_for(teller.finish(), 10)
        writing.cancel()

    asyncio.run(tell())
    return [body["message"] for body in server.accepted]


@pytest.mark.parametrize(
    ("answers", "arrive", "asked"),
    [
        ([], ["one", "two"], 2),
        ([Unavailable("away"), Unavailable("away", 0.0)], ["one", "two"], 4),
        ([Refused("no right")], ["two"], 2),
        ([AlreadyExists("told before a crash")], ["two"], 2),
        ([NotLeading("another replica leads")], ["two"], 2),
    ],
    ids=["accepted", "away and back", "refused", "told before", "not leading"],
)
def test_each_event_arrives_once_in_order_or_lets_the_next_one_pass(
    answers: list[Exception], arrive: list[str], asked: int
) -> None:
    server = Server(*answers)
    assert told(server, "one", "two") == arrive
    assert server.asked == asked


def test_events_are_told_even_while_objects_wait_for_a_worker() -> None:
    assert told(Server(), "one", "two", busy=lambda: True) == ["one", "two"]


def test_one_event_that_is_never_taken_does_not_keep_the_next_ones() -> None:
    assert told(Server(*[Unavailable("a webhook is down")] * MOST_TRIES), "one", "two") == ["two"]


def test_the_oldest_are_dropped_when_nobody_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_WAITING", 2)
    assert told(Server(), "one", "two", "three") == ["two", "three"]


def test_an_event_names_its_object_and_the_same_transition_has_the_same_name() -> None:
    server = Server()
    told(server, "one", "one", "two")
    first, again, other = server.accepted
    assert first["metadata"] == again["metadata"]
    assert first["metadata"] != other["metadata"]
    assert first["involvedObject"]["uid"] == "u"
    assert (first["reportingInstance"], first["count"]) == ("replica-1", 1)
