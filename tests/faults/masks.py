"""What two runs of one scenario may differ in: times, uids and versions; and attempts, where a fault has ended some."""

import re
from typing import Any

from faults.exchange import Body

TIMES = {
    "startTime",
    "finishTime",
    "completionTime",
    "lastTransitionTime",
    "notBefore",
    "updatedAt",
    "suspendedSeconds",
    "waitingSince",
}
UIDS = {"jobUID", "uid"}
ATTEMPTS = {"attempt", "attempts", "retries", "lastFailure", "jobName", "figures", "observedGeneration"}
PATTERNS = (
    # Run id, child name, namespace of the trial.
    (re.compile(r"\br(\d+)-[0-9a-f]{8}\b"), r"r\1-<uid>"),
    (re.compile(r"\bdemo-[0-9a-f]{8}-"), "demo-<uid>-"),
    (re.compile(r"/f\d+/"), "/<namespace>/"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "<time>"),
)
IN_PASSING = {"Reconciling", "Admitted"}
"""Conditions whose sentences tell the last thing that happened; their status counts, their words depend on what was seen in time."""


def masked_status(job: Body | None, without_attempts: bool) -> Any:
    """The status as far as it has to be equal; None when the object is gone."""
    if job is None:
        return None
    status = dict(job.get("status") or {})
    status["conditions"] = {condition["type"]: _condition(condition) for condition in status.get("conditions") or []}
    status["steps"] = {step["name"]: step for step in status.get("steps") or []}
    return _masked(status, TIMES | UIDS | (ATTEMPTS if without_attempts else set()))


def _condition(condition: Body) -> Body:
    kept = {"status", "reason", "message", "observedGeneration"}
    if condition["type"] in IN_PASSING:
        kept = {"status", "observedGeneration"}
    return {key: value for key, value in condition.items() if key in kept}


def _masked(value: Any, hidden: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: _masked(item, hidden) for key, item in value.items() if key not in hidden}
    if isinstance(value, list):
        return [_masked(item, hidden) for item in value]
    if isinstance(value, str):
        for pattern, mask in PATTERNS:
            value = pattern.sub(mask, value)
    return value
