"""Serves /metrics, /healthz and /report. Reads what the loops left, never waits for them."""

import logging
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST

logger = logging.getLogger(__name__)
PLAIN, JSON = "text/plain; charset=utf-8", "application/json"


class Page:
    """A status, a content type and a body."""

    def __init__(self, body: bytes, content_type: str = PLAIN, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.body, self.content_type, self.status = body, content_type, status


def metrics_page(exposition: bytes) -> Page:
    """What Prometheus scrapes."""
    return Page(exposition, CONTENT_TYPE_LATEST)


def _handler(pages: Mapping[str, Callable[[], Page]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10  # an idle connection must not hold a thread for ever

        def do_GET(self) -> None:
            make = pages.get(self.path.partition("?")[0])
            page = make() if make else Page(b"not found\n", status=HTTPStatus.NOT_FOUND)
            self.send_response(page.status)
            self.send_header("Content-Type", page.content_type)
            self.send_header("Content-Length", str(len(page.body)))
            self.end_headers()
            self.wfile.write(page.body)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Silent: a line for each scrape would bury the others."""

    return Handler


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no event; the default prints a stack trace."""
        logger.debug("A request broke off", exc_info=True)


class Server:
    """An HTTP server in threads of its own."""

    def __init__(self, port: int, pages: Mapping[str, Callable[[], Page]]) -> None:
        self._server = _Listener(("", port), _handler(pages))
        self._thread = threading.Thread(target=self._server.serve_forever, name="http", daemon=True)

    @property
    def port(self) -> int:
        """The port that is served; where 0 was asked for, the one that was free."""
        return int(self._server.server_address[1])

    def __enter__(self) -> "Server":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
