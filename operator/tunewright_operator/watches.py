"""Keeps kopf's watches alive. What kopf does not get over ends its tasks, not the replica: they begin anew, and the lease is kept."""

import asyncio
import random
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import kopf
import orjson

from tunewright_operator import handlers
from tunewright_operator.shell.credentials import Credentials
from tunewright_operator.shell.feed import Feed
from tunewright_operator.shell.logs import logger
from tunewright_operator.shell.resources import WATCHED, Resource

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
LONGEST_STOP = 10.0
SIGN_IN_PAUSE = 1.0


class Pauses:
    """Pauses between tries, without end: kopf gives up when its list of pauses ends."""

    def __iter__(self) -> Iterator[float]:
        pause = FIRST_PAUSE
        while True:
            yield pause * (0.75 + 0.5 * random.random())
            pause = min(2 * pause, LONGEST_PAUSE)


class Watches:
    """kopf's tasks, for as long as the replica leads."""

    def __init__(
        self, credentials: Credentials, feed: Feed, namespaces: tuple[str, ...], on_spawned: Callable[[], None]
    ) -> None:
        """`on_spawned` takes back what kopf takes for itself when it begins: the signals."""
        self._credentials = credentials
        self._feed = feed
        self._namespaces = namespaces
        self._on_spawned = on_spawned
        self._listed: set[str] = set()
        self._signed_in = False

    async def run(self) -> None:
        """Watch for ever; ends only by cancellation."""
        asyncio.get_running_loop().set_exception_handler(_note_unheard)
        pauses = iter(Pauses())
        while True:
            tasks = await kopf.spawn_tasks(
                settings=handlers.settings(Pauses()),
                memo=kopf.Memo(feed=self._feed, sign_in=self._sign_in),
                clusterwide=not self._namespaces,
                namespaces=self._namespaces,
            )
            self._on_spawned()
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks, timeout=LONGEST_STOP)
            pause = next(pauses)
            for task in done:
                error = None if task.cancelled() else task.exception()
                fields = {"part": task.get_name(), "words": str(error)[:500], "again_in_seconds": round(pause, 1)}
                logger.warning("The watches have ended and begin anew", extra=fields)
            await asyncio.sleep(pause)

    async def _sign_in(self) -> kopf.AiohttpSession:
        """A session of our own: it says when kopf lists, and its token is the one of the moment."""
        if self._signed_in:
            # kopf signs in again after a 401, at once and as often as there are 401s.
            await asyncio.sleep(SIGN_IN_PAUSE * (0.75 + 0.5 * random.random()))
        self._signed_in = True
        context = self._credentials.ssl_context()
        tracing = aiohttp.TraceConfig()
        tracing.on_request_start.append(self._on_request)
        session = aiohttp.ClientSession(
            response_class=answers_with_news(self._feed.is_news),
            connector=aiohttp.TCPConnector(limit=0, ssl=context if context is not None else True),
            headers=self._credentials.headers(),
            trace_configs=[tracing],
            trust_env=False,
        )
        return kopf.AiohttpSession(server=self._credentials.server, aiohttp_session=session)

    async def _on_request(self, _: Any, __: Any, request: aiohttp.TraceRequestStartParams) -> None:
        """kopf never tells what was deleted while it did not watch. When it lists a kind again, there was such a time."""
        if "watch" in request.url.query or "continue" in request.url.query:
            return
        resource = listed_kind(request.url.path)
        if resource is not None and request.url.path in self._listed:
            self._feed.list_again(resource)
        elif resource is not None:
            self._listed.add(request.url.path)


def answers_with_news(is_news: Callable[[Resource, dict[str, Any]], bool]) -> type[aiohttp.ClientResponse]:
    """Lists without what is known already. kopf lists when it begins, as the feed has just done; it would make a task for each of thousands of objects, and keep their memory."""

    class Answer(aiohttp.ClientResponse):
        async def json(self, **_: Any) -> Any:
            body = orjson.loads(await self.read())
            resource = listed_kind(self.url.path)
            if resource is not None and isinstance(body, dict) and body.get("items"):
                body["items"] = [item for item in body["items"] if is_news(resource, item)]
            return body

    return Answer


def _note_unheard(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """kopf's inner tasks fail one by one, and it listens to the first: the words of the others are enough."""
    error = context.get("exception")
    words = str(error) if error is not None else str(context.get("message"))
    logger.warning("A task has ended unheard", extra={"error": type(error).__name__, "words": words[:500]})


def listed_kind(path: str) -> Resource | None:
    """The kind that a request for `path` lists; None if it is of something else."""
    for resource in WATCHED:
        prefix = resource.path(None).removesuffix(resource.plural)
        if path.startswith(prefix) and path.endswith(f"/{resource.plural}"):
            return resource
    return None
