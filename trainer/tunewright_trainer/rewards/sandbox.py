"""Runs code that a model has written, against tests: in a process of its own that can compute, and nothing else.

The process limits its own memory and time, imports what tests may need, and then forbids itself by a seccomp filter every system call
but those of memory and clocks: no file, no network, no other process can be reached from there on, whatever the code does."""

import secrets
import subprocess
import sys
from pathlib import Path

from tunewright_api.failures import FailureClass
from tunewright_trainer.rewards.sandboxed import UNAVAILABLE
from tunewright_trainer.shell.errors import StepError

SECONDS = 10.0
PASSED_LENGTH = 32


class SandboxUnavailable(StepError):
    """This machine cannot confine a process, so nothing is run on it."""

    failure_class = FailureClass.NODE_FAULT
    hint = "The reward PassesTests needs Linux with seccomp filters: run the job on other nodes, or use another reward."


def passes_tests(code: str, tests: str) -> bool:
    """Whether `code` and then `tests` run without an exception."""
    token = secrets.token_hex(PASSED_LENGTH // 2)
    parts = [part.encode() for part in (token, code, tests)]
    given = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    try:
        ended = subprocess.run(
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("sandboxed.py"))],
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    if ended.returncode == UNAVAILABLE:
        raise SandboxUnavailable("this machine has no seccomp filters: code cannot be run safely")
    # An exit code of 0 proves nothing: the code may have exited before the tests.
    return ended.stdout == token.encode()
