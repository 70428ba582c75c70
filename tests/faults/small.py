"""The part of the matrix that fits into `make test`: every kind of write once, and one of each family of harm."""

import json
from collections.abc import Iterator

from faults.answers import EVERYTHING, WATCH, Outage
from faults.answers import Repeated as SentTwice
from faults.crashes import AnswerLost, CrashAfter, CrashBefore, LeaderFrozen, Refused, status_answer
from faults.deeds import (
    ChildDeleted,
    CrashTwice,
    LabelsTaken,
    MetadataWiped,
    NamespaceDeleted,
    Recreated,
    RestartedAtRest,
    TwoReplicas,
    Upgraded,
)
from faults.exchange import Exchange
from faults.fault import Fault
from faults.trial import Outcome
from faults.watches import Broken, Lost, TimeTravel, stream_error

Pairs = list[tuple[str, Fault]]


def kind_of(exchange: Exchange) -> str:
    """Writes of one kind have the same reasons: verb and resource, and of a status what it says of steps and phase."""
    status = (exchange.body or {}).get("status") or {}
    steps = [
        {key: value for key, value in step.items() if key in ("state", "attempt")} for step in status.get("steps") or []
    ]
    what = json.dumps([steps[-1:], status.get("phase")]) if exchange.subresource == "status" else ""
    return f"{exchange.verb} {exchange.resource} {what}"


def first_of_each_kind(reference: Outcome) -> Iterator[int]:
    """Numbers of writes, one of each kind."""
    kinds: set[str] = set()
    for exchange in reference.exchanges:
        if exchange.is_write and exchange.accepted and kind_of(exchange) not in kinds:
            kinds.add(kind_of(exchange))
            yield exchange.number


def crashes(scenario: str, reference: Outcome) -> Pairs:
    """The process dies at each kind of write, by turns before and after the answer."""
    kinds = (CrashBefore, CrashAfter)
    return [(scenario, kinds[turn % 2](number)) for turn, number in enumerate(first_of_each_kind(reference))]


def small(references: dict[str, Outcome]) -> Pairs:
    """Scenario and fault of each trial."""
    found = [
        *crashes("suspend-and-resume", references["suspend-and-resume"]),
        *crashes("fail-and-retry", references["fail-and-retry"]),
        ("success", CrashBefore(3)),
        ("cancel", CrashBefore(12)),
        ("delete", CrashBefore(10)),
        ("two-stages", CrashTwice(14)),
        ("preempt-and-resume", AnswerLost(3)),
        ("success", Refused(3, 409, "Conflict")),
        ("quota", Refused(5, 500, "InternalError")),
        ("success", LeaderFrozen(3, hold=True)),
        ("success", LeaderFrozen(7, hold=False)),
        ("suspend-and-resume", Broken("500 in the stream", stream_error(500, "InternalError"))),
        ("cancel", Lost(("DELETED",))),
        ("suspend-and-resume", Lost(("DELETED",), "jobs")),
        ("fail-and-retry", Lost(("MODIFIED",))),
        ("success", Lost(("MODIFIED",), "pods")),
        ("suspend-and-resume", TimeTravel("jobs")),
        ("success", Outage("503", EVERYTHING, 2.0, lambda: status_answer(503, "ServiceUnavailable"))),
        ("preempt-and-resume", Outage("403", WATCH, 2.0, lambda: status_answer(403, "Forbidden"))),
        ("success", SentTwice()),
        ("success", ChildDeleted("Background")),
        ("success", Recreated(down=True)),
        ("success", Recreated()),
        ("two-stages", LabelsTaken()),
        ("success", MetadataWiped()),
        ("success", Upgraded()),
        ("success", NamespaceDeleted()),
        ("two-stages", TwoReplicas()),
        ("success", RestartedAtRest()),
    ]
    return found
