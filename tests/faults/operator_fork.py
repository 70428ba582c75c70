"""Real operator processes in milliseconds: a server that has imported the operator forks one for each life.

A fork is a process like any other: it is killed, frozen and thawed by signals. What takes the real operator minutes by design (the
resync, the lease, the pause after a refusal) takes it seconds here; nothing else is changed."""

import dataclasses
import functools
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

PRELOADED = ["faults.operator_fork", "tunewright_operator.__main__"]
SKEW_VARIABLE = "FAULTS_CLOCK_SKEW_SECONDS"
LEASE_VARIABLE = "FAULTS_LEASE_SECONDS"
LEASE_SECONDS = 8.0
"""Where a trial waits for a lease to end."""
LONG_LEASE_SECONDS = 60.0
"""Where it does not: on a machine that is busy with many trials a renewal may come late, and that is not the fault."""
RESYNC_SECONDS = (2.0, 3.0)

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(PRELOADED)


class OperatorFork:
    """One life of one replica."""

    def __init__(self, name: str, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self._process = _context.Process(target=operate, args=(dict(environment), str(log)), daemon=True)
        self._process.start()

    @property
    def exit_code(self) -> int | None:
        """None while it lives."""
        return self._process.exitcode

    def kill(self) -> None:
        """SIGKILL: no clean-up of any kind."""
        self._process.kill()
        self._process.join()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it lives."""
        if self._process.pid is not None and self.exit_code is None:
            os.kill(self._process.pid, number)

    @property
    def wants_to_run(self) -> bool:
        """Whether it has work and waits for the processor: a busy machine makes it look at rest."""
        try:
            stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[0] == "R"

    def tracebacks(self) -> list[str]:
        """Lines of its log that tell of an error of its own making; kopf logs a trace of each watch that breaks."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line[:2000] for line in lines if "Traceback" in line and '"logger":"kopf' not in line]


def operate(environment: dict[str, str], log: str) -> None:
    """The body of the forked process."""
    os.environ.update(environment)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    from tunewright_operator import __main__ as program

    _hurry()
    _skew_clock(float(environment.get(SKEW_VARIABLE, "0")))
    sys.argv = ["tunewright_operator"]
    os._exit(program.main())


def _hurry() -> None:
    """Divide every patience by about ten."""
    from tunewright_operator import handlers, watches
    from tunewright_operator.core import attempts
    from tunewright_operator.shell import event_words, events, feed, leases, options, refusals

    attempts.LONGEST_BACKOFF_SECONDS = 1
    feed.RESYNC_SECONDS, feed.GAP_SECONDS = RESYNC_SECONDS, 0.2
    watches.FIRST_PAUSE, watches.SIGN_IN_PAUSE = 0.2, 0.2
    handlers.INACTIVITY_SECONDS = 8.0
    lease = float(os.environ.get(LEASE_VARIABLE, LONG_LEASE_SECONDS))
    leases.LeaseTimes = functools.partial(  # type: ignore[misc,assignment]
        leases.LeaseTimes, duration=lease, renew=min(4.0, lease / 5), retry=0.2, poll=0.4, margin=lease / 5
    )
    refusals.FIRST_PAUSE, refusals.EVENTS_PATIENCE, event_words.PAUSE = 0.5, 0.3, 0.5
    events.OUTAGE_PAUSE = 0.2
    read = options.read

    def quick(arguments: list[str]) -> options.Options:
        given = read(arguments)
        return dataclasses.replace(given, settings=dataclasses.replace(given.settings, poll_seconds=1))

    options.read = quick  # type: ignore[assignment]


def _skew_clock(seconds: float) -> None:
    """Let the operator's clock be wrong by so much, wherever it reads the time of day."""
    if not seconds:
        return
    from tunewright_operator.shell import events, leases, observe

    class Skewed(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Skewed":
            moment = datetime.now(tz) + timedelta(seconds=seconds)
            return cls.combine(moment.date(), moment.time(), tz)

    for module in (events, leases, observe):
        module.datetime = Skewed  # type: ignore[attr-defined]
