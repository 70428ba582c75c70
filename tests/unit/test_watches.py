"""kopf is a watcher only: it holds nobody back, writes nothing, and is not told again what is known."""

from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from builders import listed
from tunewright_operator import handlers
from tunewright_operator.shell.cache import Cache
from tunewright_operator.shell.resources import FINE_TUNE_JOBS
from tunewright_operator.watches import Watches, answers_with_news

PATH = FINE_TUNE_JOBS.path(None)


def test_kopfs_workers_hold_nobody_back() -> None:
    """Each waits for more news of its object before it ends: counted, they would let a crowd in by and by."""
    queueing = handlers.settings(()).queueing
    assert queueing.worker_limit is None
    assert queueing.idle_timeout <= 0.1


def test_kopf_writes_nothing() -> None:
    settings = handlers.settings(())
    assert not settings.posting.enabled
    assert settings.peering.standalone
    assert settings.scanning.disabled


async def test_a_list_tells_kopf_only_what_is_news() -> None:
    cache = Cache()
    cache.observe(FINE_TUNE_JOBS, listed("known", 5))
    cache.observe(FINE_TUNE_JOBS, listed("changed", 5))

    async def serve(_: web.Request) -> web.Response:
        items = [listed("known", 5), listed("changed", 6), listed("new", 6)]
        return web.json_response({"items": items, "metadata": {"resourceVersion": "7"}})

    application = web.Application()
    application.router.add_get(PATH, serve)
    application.router.add_get("/apis", serve)
    async with TestServer(application) as server, aiohttp.ClientSession(response_class=answers_with_news(cache.is_news)) as session:  # fmt: skip
        found = await (await session.get(server.make_url(PATH))).json()
        other = await (await session.get(server.make_url("/apis"))).json()
    assert [item["metadata"]["name"] for item in found["items"]] == ["changed", "new"]
    assert found["metadata"] == {"resourceVersion": "7"}
    assert len(other["items"]) == 3


async def test_a_second_page_is_no_second_list_but_a_second_list_is_a_gap() -> None:
    gaps: list[Any] = []

    class Feed:
        def list_again(self, resource: Any) -> None:
            gaps.append(resource)

    async def ask(watches: Watches, **query: str) -> None:
        url = aiohttp.typedefs.URL(f"http://server{PATH}").with_query(query)
        await watches._on_request(None, None, aiohttp.TraceRequestStartParams("GET", url, None))  # type: ignore[arg-type]

    watches = Watches(None, Feed(), (), lambda: None)  # type: ignore[arg-type]
    await ask(watches, limit="100")
    await ask(watches, limit="100", **{"continue": "token"})
    await ask(watches, watch="true")
    assert gaps == []
    await ask(watches, limit="100")
    assert gaps == [FINE_TUNE_JOBS]
