"""What events say is read once for all who ask in a namespace; nobody's failure to read it is anybody's failure."""

import asyncio
from typing import Any

from tunewright_operator.shell.client import Listing
from tunewright_operator.shell.errors import ClusterError, Unavailable
from tunewright_operator.shell.event_words import PAUSE, EventWords
from tunewright_operator.shell.refusals import EVENTS_PATIENCE, JOB_REFUSED, Refusals
from tunewright_operator.shell.resources import EVENTS, Resource


def event(name: str, uid: str, message: str, second: int) -> dict[str, Any]:
    moment = f"2026-01-01T00:00:{second:02}Z"
    return {"involvedObject": {"name": name, "uid": uid}, "message": message, "lastTimestamp": moment}


class Server:
    """Lists the same events each time, and counts how often it is asked."""

    def __init__(self, *events: dict[str, Any], error: ClusterError | None = None) -> None:
        self.asked: list[tuple[str | None, str]] = []
        self._events = events
        self._error = error

    async def list(
        self, resource: Resource, namespace: str | None, label_selector: str | None = None, field_selector: str = ""
    ) -> Listing:
        assert resource is EVENTS
        self.asked.append((namespace, field_selector))
        await asyncio.sleep(0)
        if self._error is not None:
            raise self._error
        return Listing(tuple(self._events), 1)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_thousand_that_ask_at_once_are_served_by_one_list() -> None:
    server, clock = Server(event("a", "1", "old", 1), event("a", "1", "new", 2)), Clock()

    async def ask() -> None:
        words = EventWords(server, clock)  # type: ignore[arg-type]
        answers = await asyncio.gather(*(words.of("team", "kind=Job") for _ in range(1000)))
        assert [said.words for said in answers[0]] == ["old", "new"]
        assert len(set(answers)) == 1
        await words.of("other", "kind=Job")
        assert server.asked == [("team", "kind=Job"), ("other", "kind=Job")]
        clock.now = PAUSE
        await words.of("team", "kind=Job")
        assert len(server.asked) == 3

    asyncio.run(ask())


def test_events_that_cannot_be_read_say_nothing_and_are_not_asked_for_at_once_again() -> None:
    server, clock = Server(error=Unavailable("away")), Clock()

    async def ask() -> None:
        words = EventWords(server, clock)  # type: ignore[arg-type]
        assert await words.of("team", "kind=Job") == ()
        assert await words.of("team", "kind=Job") == ()
        assert len(server.asked) == 1

    asyncio.run(ask())


def test_who_stops_waiting_for_a_list_does_not_stop_it_for_the_others() -> None:
    server = Server(event("a", "1", "words", 1))

    async def ask() -> None:
        words = EventWords(server, Clock())  # type: ignore[arg-type]
        first = asyncio.create_task(words.of("team", "kind=Job"))
        second = asyncio.create_task(words.of("team", "kind=Job"))
        await asyncio.sleep(0)
        first.cancel()
        assert [said.words for said in await second] == ["words"]

    asyncio.run(ask())


def test_a_job_without_pods_is_explained_after_a_little_patience_by_its_own_newest_event() -> None:
    server, clock = Server(event("a", "1", "too early", 1), event("b", "2", "another's", 3), event("a", "1", "quota", 2)), Clock()  # fmt: skip

    async def look() -> None:
        refusals = Refusals(EventWords(server, clock), clock)  # type: ignore[arg-type]
        await refusals.look_up("team", "a", "1")
        assert server.asked == []
        clock.now = EVENTS_PATIENCE
        await refusals.look_up("team", "a", "1")
        await refusals.look_up("team", "silent", "9")
        assert server.asked == [("team", JOB_REFUSED)]
        assert refusals.of("team", ["a", "b", "silent"]) == {"a": "quota"}

    asyncio.run(look())
