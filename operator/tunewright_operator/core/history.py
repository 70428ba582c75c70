"""What is known of each attempt once it is over: it outlives pods and Jobs."""

import json
from collections.abc import Iterable
from datetime import datetime

from tunewright_api.redaction import redacted
from tunewright_api.status import (
    MOST_ATTEMPTS,
    AttemptOutcome,
    AttemptRecord,
    Failure,
    FineTuneJobStatus,
    StepStatus,
)
from tunewright_operator.core.classify import parse_result
from tunewright_operator.core.parse import format_time
from tunewright_operator.core.types import PodView

LONGEST_MESSAGE = 500
LONGEST_LOG = 1000
CRASH_LINES = ("Fatal Python error:", '  File "')
"""What Python's fault handler writes; other plain lines may be anybody's data."""


def succeeded(
    status: FineTuneJobStatus, step: StepStatus, pods: tuple[PodView, ...], now: datetime
) -> FineTuneJobStatus:
    """The attempt has done its step."""
    pod = next((pod for pod in pods if pod.exit_code == 0), None)
    record = _record(step, AttemptOutcome.SUCCEEDED, now)
    return _with(status, record.model_copy(update={"exit_code": 0, "node": pod.node if pod else None}))


def failed(
    status: FineTuneJobStatus, step: StepStatus, failure: Failure, pods: tuple[PodView, ...], now: datetime
) -> FineTuneJobStatus:
    """The attempt has failed, whether or not another follows."""
    found = {
        "failure_class": failure.failure_class,
        "exit_code": failure.exit_code,
        "node": failure.node,
        "message": failure.message[:LONGEST_MESSAGE],
        "log": last_words(pods, step.name),
    }
    return _with(status, _record(step, AttemptOutcome.FAILED, now).model_copy(update=found))


def stopped(status: FineTuneJobStatus, step: StepStatus, why: str, now: datetime) -> FineTuneJobStatus:
    """The attempt was stopped, and nothing was wrong with it."""
    return _with(status, _record(step, AttemptOutcome.STOPPED, now).model_copy(update={"message": why}))


def last_words(pods: Iterable[PodView], step: str) -> str:
    """The last lines of the log, as the pod itself told them; of a pod that could not, what the kubelet has kept."""
    pods = tuple(pods)
    told = parse_result(pods, step)
    if told is not None:
        return redacted(told.log)[-LONGEST_LOG:]
    kept = next((pod.termination_message for pod in reversed(pods) if pod.termination_message), "")
    lines = [line for raw in kept.splitlines() if (line := _harmless(raw))]
    return redacted("\n".join(lines))[-LONGEST_LOG:]


def _harmless(line: str) -> str:
    """Of our own JSON lines the sentence without its fields; of plain text only what a crash looks like."""
    try:
        found = json.loads(line)
        return f"{found['level']} {found['message']}"
    except (ValueError, TypeError, KeyError):
        return line if line.startswith(CRASH_LINES) else ""


def _record(step: StepStatus, outcome: AttemptOutcome, now: datetime) -> AttemptRecord:
    return AttemptRecord(
        step=step.name, attempt=step.attempt, outcome=outcome, started=step.start_time, finished=format_time(now)
    )


def _with(status: FineTuneJobStatus, record: AttemptRecord) -> FineTuneJobStatus:
    kept = [old for old in status.attempts if (old.step, old.attempt) != (record.step, record.attempt)]
    return status.model_copy(update={"attempts": [*kept, record][-MOST_ATTEMPTS:]})
