"""Every fault that a scenario is run under. W is the number of writes of its calm run."""

from collections.abc import Iterator

from faults.answers import Repeated, Slow, outages
from faults.crashes import AnswerLost, CrashAfter, CrashBefore, CrashInstead, LeaderFrozen, Refused
from faults.deeds import CrashTwice, deeds
from faults.fault import Fault
from faults.scenarios import Scenario
from faults.watches import KINDS, watch_faults

EACH_KIND = {"success", "suspend-and-resume"}
OUTAGE_SECONDS = 3.0
REFUSALS = ((409, "Conflict", None), (429, "TooManyRequests", 1), (500, "InternalError", None))


def enumerated(writes: int) -> Iterator[Fault]:
    """At every write: killed after the answer, killed before it; and once before the very first request."""
    yield CrashInstead(1)
    for number in range(1, writes + 1):
        yield CrashAfter(number)
        yield CrashBefore(number)


def sampled(writes: int) -> Iterator[Fault]:
    """What is slow, or close to what is enumerated: at some of the writes."""
    for number in range(1, writes + 1, 4):
        yield AnswerLost(number)
    for number in range(2, writes + 1, 8):
        yield CrashInstead(number)
        yield CrashTwice(number)
        for status, reason, retry_after in REFUSALS:
            yield Refused(number, status, reason, retry_after)
    for number in range(2, writes + 1, 12):
        yield LeaderFrozen(number, hold=False)
        yield LeaderFrozen(number, hold=True)


def catalogue(scenario: Scenario, writes: int) -> list[Fault]:
    """All of them. One kind's watch alone is harmed where the order of kinds matters most."""
    kinds = KINDS if scenario.name in EACH_KIND else ()
    return [
        *enumerated(writes),
        *sampled(writes),
        *watch_faults(kinds),
        *outages(OUTAGE_SECONDS),
        Slow(0.2),
        Repeated(),
        *deeds(scenario),
    ]
