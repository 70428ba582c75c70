"""Every fault that a scenario is run under. W is the number of writes of its calm run."""

from collections.abc import Iterator

from faults.answers import Repeated, Slow, outages
from faults.crashes import AnswerLost, CrashAfter, CrashBefore, CrashInstead, LeaderFrozen, Refused
from faults.deeds import CrashTwice, deeds
from faults.fault import Fault
from faults.scenarios import Scenario
from faults.watches import watch_faults

REFUSALS = ((409, "Conflict", None), (429, "TooManyRequests", 1), (500, "InternalError", None))


def enumerated(writes: int) -> Iterator[Fault]:
    """At every write: killed after and before the answer and before the request, the answer lost."""
    for kind in (CrashAfter, CrashBefore, CrashInstead, AnswerLost):
        for number in range(1, writes + 1):
            yield kind(number)


def sampled(writes: int) -> Iterator[Fault]:
    """Slower, or less likely to find anything: at every third write."""
    for number in range(1, writes + 1, 3):
        yield CrashTwice(number)
        for status, reason, retry_after in REFUSALS:
            yield Refused(number, status, reason, retry_after)
    for number in range(1, writes + 1, 6):
        yield LeaderFrozen(number, hold=False)
        yield LeaderFrozen(number, hold=True)


def catalogue(scenario: Scenario, writes: int) -> list[Fault]:
    """All of them."""
    return [
        Fault(),
        *enumerated(writes),
        *sampled(writes),
        *watch_faults(),
        *outages(3.0),
        Slow(0.2),
        Repeated(),
        *deeds(scenario),
    ]
