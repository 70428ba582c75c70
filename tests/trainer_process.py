"""The trainer as the pod runs it: a process of its own against real S3, and a proxy that stops it in the middle of an upload."""

import contextlib
import http.client
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import devcluster
from devcluster import Part
from devcluster.s3 import ACCESS_KEY, SECRET_KEY
from devcluster.state import cluster_directory
from tunewright_api import names
from tunewright_api.run import RunConfig, RunResult

POD = (sys.executable, "-m", "tunewright_trainer")


@contextlib.contextmanager
def own_s3(purpose: str) -> Iterator[devcluster.Cluster]:
    """S3 for one test process; what a killed one has left is taken down."""
    for left_over in cluster_directory("x").parent.glob(f"{purpose}-*"):
        if not Path(f"/proc/{left_over.name.rsplit('-', 1)[-1]}").exists():
            devcluster.down(left_over.name)
    name = f"{purpose}-{os.getpid()}"
    try:
        yield devcluster.up(name, frozenset({Part.S3}))
    finally:
        devcluster.down(name)


@dataclass(frozen=True)
class Ended:
    """What the kubelet sees of a pod that has ended, and what its log says."""

    exit_code: int
    message: bytes
    log: str

    @property
    def result(self) -> RunResult:
        """The termination message, parsed."""
        return RunResult.model_validate_json(self.message)


def start(
    configuration: RunConfig | str, folder: Path, command: tuple[str, ...] = POD, **variables: str
) -> "subprocess.Popen[str]":
    """Start the command, that of a pod unless given, with a pod's variables; credentials are the administrator's unless given."""
    folder.mkdir(parents=True, exist_ok=True)
    text = configuration if isinstance(configuration, str) else configuration.model_dump_json(by_alias=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        names.RUN_CONFIG_VARIABLE: text,
        names.POD_UID_VARIABLE: "1234abcd-0000-4000-8000-000000000000",
        names.SCRATCH_VARIABLE: str(folder / "scratch"),
        "TUNEWRIGHT_PORT": "0",
        "TUNEWRIGHT_TERMINATION_LOG": str(folder / "termination-log"),
        **variables,
    }
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: "subprocess.Popen[str]", folder: Path, seconds: float = 120) -> Ended:
    """Wait for the process and read what it leaves."""
    log, _ = process.communicate(timeout=seconds)
    path = folder / "termination-log"
    return Ended(process.returncode, path.read_bytes() if path.is_file() else b"", log)


def run(configuration: RunConfig | str, folder: Path, **variables: str) -> Ended:
    """One attempt, from start to end."""
    return finish(start(configuration, folder, **variables), folder)


def log_lines(log: str) -> list[dict[str, Any]]:
    """The JSON lines of a log."""
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


class HoldingProxy:
    """Stands before an S3 server and, at the upload of a chosen key, takes half of the bytes and says no more."""

    def __init__(self, endpoint: str, held_suffix: str) -> None:
        self.held = threading.Event()
        self._released = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler(endpoint, held_suffix))
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "HoldingProxy":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self, endpoint: str, held_suffix: str) -> type[http.server.BaseHTTPRequestHandler]:
        proxy, address = self, urlsplit(endpoint).netloc

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _forward(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                if self.command == "PUT" and urlsplit(self.path).path.endswith(held_suffix):
                    self._hold(length)
                    return
                upstream = http.client.HTTPConnection(address, timeout=60)
                with contextlib.closing(upstream):
                    upstream.request(self.command, self.path, self.rfile.read(length), dict(self.headers))
                    answer = upstream.getresponse()
                    body = answer.read()
                    self.send_response(answer.status)
                    for name, value in answer.getheaders():
                        if name.lower() not in {"transfer-encoding", "content-length", "connection"}:
                            self.send_header(name, value)
                    given = answer.getheader("Content-Length") if self.command == "HEAD" else None
                    self.send_header("Content-Length", given or str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def _hold(self, length: int) -> None:
                half = self.rfile.read(length // 2)
                upstream = http.client.HTTPConnection(address, timeout=60)
                with contextlib.closing(upstream):
                    upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                    for name, value in self.headers.items():
                        upstream.putheader(name, value)
                    upstream.endheaders(half)
                    proxy.held.set()
                    proxy._released.wait(60)
                self.close_connection = True

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _forward  # noqa: N815  (names that the base class looks for)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        return Handler
