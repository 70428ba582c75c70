"""Starts and stops background processes, and waits for them to answer."""

import contextlib
import os
import shlex
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from devcluster.errors import DevclusterError
from devcluster.state import Process

STOP_SECONDS = 4


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_ticks(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None when it is gone, or a zombie whose last thread has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" and threads <= 1 else int(fields[19])


def start(name: str, command: list[str], logs: Path, environment: Mapping[str, str] | None = None) -> Process:
    """Start a process of its own session, its output in a log."""
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / f"{name}.log").open("ab") as log:
        log.write(f"$ {shlex.join(command)}\n".encode())
        log.flush()
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
    # The process outlives this one: without this, Popen's destructor would warn about it.
    child.returncode = 0
    return Process(name, child.pid, start_ticks(child.pid) or 0)


def is_running(process: Process) -> bool:
    """Whether it is still that process."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)
    return start_ticks(process.pid) == process.start_ticks


def stop(process: Process, patience_seconds: float = STOP_SECONDS) -> None:
    """SIGTERM, then SIGKILL to what remains of its group."""
    if not is_running(process):
        return
    _signal(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + patience_seconds
    while is_running(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    if is_running(process):
        _signal(process.pid, signal.SIGKILL)
        while is_running(process) and time.monotonic() < deadline + 5:
            time.sleep(0.05)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)


def wait_until(
    what: str, check: Callable[[], bool], process: Process | None = None, seconds: float = 60, logs: Path | None = None
) -> None:
    """Wait for `check`; a process that has died meanwhile ends it with the last lines of its log."""
    deadline = time.monotonic() + seconds
    while not check():
        if process is not None and not is_running(process):
            raise DevclusterError(f"{what}: the process has ended. {_last_lines(process, logs)}")
        if time.monotonic() > deadline:
            raise DevclusterError(
                f"{what}: not ready after {seconds:.0f} s. {_last_lines(process, logs) if process else ''}"
            )
        time.sleep(0.1)


def _last_lines(process: Process, logs: Path | None) -> str:
    if logs is None:
        return ""
    path = logs / f"{process.name}.log"
    return f"Last lines of {path}:\n" + "\n".join(path.read_text(errors="replace").splitlines()[-8:])


def answers(url: str, token: str = "") -> bool:
    """Whether an HTTP server says 200 there."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    context = ssl._create_unverified_context() if url.startswith("https") else None
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), *([urllib.request.HTTPSHandler(context=context)] if context else [])
    )
    try:
        with opener.open(request, timeout=2) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False
