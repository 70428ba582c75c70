"""One FineTuneJob on a real API server, as a test sees it."""

import contextlib
import http.server
import os
import threading
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from builders import STEPS, spec
from played_kubelet import success
from raw_api import Body, RawApi, eventually
from tunewright_api import names

GROUP = f"/apis/{names.API_VERSION}"
POD_IP = f"127.77.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
"""Where the played kubelet says that its pods are: a test can answer there. The port is fixed, so each test process has an address of its own."""


class Run:
    """One FineTuneJob, as a test sees it."""

    def __init__(self, api: RawApi, namespace: str, name: str = "demo") -> None:
        self.api, self.namespace, self.name = api, namespace, name
        self.path = f"{GROUP}/namespaces/{namespace}/finetunejobs/{name}"

    def create(self, **changes: Any) -> "Run":
        body = {"apiVersion": names.API_VERSION, "kind": "FineTuneJob", "metadata": {"name": self.name}}
        self.api.create(self.path.rsplit("/", 1)[0], {**body, "spec": spec(**changes)})
        return self

    def object(self) -> Body:
        return self.api.get(self.path)

    def status(self) -> Body:
        return dict(self.object().get("status", {}))

    def step(self, name: str) -> Body:
        return next((step for step in self.status().get("steps", []) if step["name"] == name), {})

    def condition(self, type_: str) -> Body:
        return next((found for found in self.status().get("conditions", []) if found["type"] == type_), {})

    def patch(self, **changes: Any) -> None:
        self.api.patch(self.path, {"spec": changes})

    def jobs(self) -> list[str]:
        return [job["metadata"]["name"] for job in self.api.items(f"/apis/batch/v1/namespaces/{self.namespace}/jobs")]

    def pods(self) -> list[Body]:
        return self.api.items(f"/api/v1/namespaces/{self.namespace}/pods")

    def wait_for_phase(self, phase: str, seconds: float = 60) -> Body:
        eventually(lambda: self.status().get("phase") == phase, f"phase {phase}", seconds)
        return self.status()


def until(step: str) -> Any:
    """Every step succeeds at once, except that `step` and those after it run on."""
    return lambda config: success(config) if STEPS.index(config.step) < STEPS.index(step) else None


def child(run: Run, step: str, attempt: int = 1) -> str:
    return names.child_name(run.name, run.object()["metadata"]["uid"], step, attempt)


@contextlib.contextmanager
def answering_pod(path: str, report: BaseModel) -> Iterator[None]:
    """What listens at the address of the played pods."""
    body = report.model_dump_json(by_alias=True).encode()

    class Pod(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == path else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    server = http.server.ThreadingHTTPServer((POD_IP, names.HTTP_PORT), Pod)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
