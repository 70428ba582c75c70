"""The operator's HTTP server: /metrics, /healthz and /readyz, on every replica, leading or not."""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from tunewright_operator.shell.metrics import Metrics

Probe = Callable[[], str | None]
"""What is wrong, in a sentence; None when nothing is."""


def _probe(check: Probe) -> Callable[[web.Request], "web.Response"]:
    def answer(_: web.Request) -> web.Response:
        problem = check()
        return web.Response(text=problem or "ok", status=503 if problem else 200)

    return answer


async def serve(port: int, metrics: Metrics, healthy: Probe, ready: Probe) -> web.AppRunner:
    """Start to listen; clean up the runner to stop."""

    async def show_metrics(_: web.Request) -> web.Response:
        return web.Response(body=metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def show_health(request: web.Request) -> web.Response:
        return _probe(healthy)(request)

    async def show_readiness(request: web.Request) -> web.Response:
        return _probe(ready)(request)

    application = web.Application()
    application.router.add_get("/metrics", show_metrics)
    application.router.add_get("/healthz", show_health)
    application.router.add_get("/readyz", show_readiness)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, None, port).start()
    return runner
