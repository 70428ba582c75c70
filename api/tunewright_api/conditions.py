"""Condition types and reasons, in the shape of metav1.Condition."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

from pydantic import Field

from tunewright_api.base import ObservedModel, Timestamp


class ConditionType(StrEnum):
    """What is known about a FineTuneJob. `Finished` is True in both end states, so that `kubectl wait --for=condition=Finished` never hangs."""

    VALIDATED = "Validated"
    ADMITTED = "Admitted"
    PREPARED = "Prepared"
    TRAINED = "Trained"
    PACKAGED = "Packaged"
    EVALUATED = "Evaluated"
    PUBLISHED = "Published"
    SUSPENDED = "Suspended"
    COMPLETE = "Complete"
    FAILED = "Failed"
    FINISHED = "Finished"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


class MonitorConditionType(StrEnum):
    """What is known about an AdapterMonitor."""

    AVAILABLE = "Available"
    REACHABLE = "Reachable"
    DRIFT_DETECTED = "DriftDetected"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


class Reason(StrEnum):
    """Why a condition has its status. Failure classes are reasons too (see `failures.py`)."""

    SPEC_ACCEPTED = "SpecAccepted"
    WAITING_FOR_STEP = "WaitingForStep"
    STEP_RUNNING = "StepRunning"
    STEP_SUCCEEDED = "StepSucceeded"
    WAITING_IN_QUEUE = "WaitingInQueue"
    WAITING_FOR_NODE = "WaitingForNode"
    WAITING_FOR_IMAGE = "WaitingForImage"
    POD_STARTING = "PodStarting"
    WAITING_FOR_RETRY = "WaitingForRetry"
    PROGRESS_UNAVAILABLE = "ProgressUnavailable"
    CREATION_REFUSED = "CreationRefused"
    PODS_RUNNING = "PodsRunning"
    SUSPENDED_BY_USER = "SuspendedByUser"
    SUSPENDING = "Suspending"
    STOPPING = "Stopping"
    NOT_SUSPENDED = "NotSuspended"
    CANCELLED = "Cancelled"
    COMPLETED = "Completed"
    IN_PROGRESS = "InProgress"
    DEPLOYED = "Deployed"
    DEPLOYING = "Deploying"
    PROBE_SUCCEEDED = "ProbeSucceeded"
    PROBE_FAILED = "ProbeFailed"
    REPORT_UNAVAILABLE = "ReportUnavailable"
    DRIFT = "Drift"
    NO_DRIFT = "NoDrift"
    INSUFFICIENT_DATA = "InsufficientData"


Status = Literal["True", "False", "Unknown"]


class Condition(ObservedModel):
    """One observation, in the shape that every Kubernetes tool reads."""

    type: str = Field(max_length=64)
    status: Status
    reason: str = Field(max_length=64)
    message: str = Field(default="", max_length=2048)
    observed_generation: int = 0
    last_transition_time: Timestamp


def find(conditions: Iterable[Condition], type_: str) -> Condition | None:
    """The condition of that type, if it is there."""
    return next((condition for condition in conditions if condition.type == type_), None)


def is_true(conditions: Iterable[Condition], type_: str) -> bool:
    """Whether the condition is there and True."""
    found = find(conditions, type_)
    return found is not None and found.status == "True"


def upsert(conditions: Iterable[Condition], new: Condition) -> tuple[Condition, ...]:
    """Put `new` in its place. `lastTransitionTime` moves only when the status does."""
    old = find(conditions, new.type)
    if old is not None and old.status == new.status:
        new = new.model_copy(update={"last_transition_time": old.last_transition_time})
    kept = tuple(condition for condition in conditions if condition.type != new.type)
    return (
        tuple(sorted((*kept, new), key=lambda condition: condition.type))
        if old is None
        else tuple(new if condition.type == new.type else condition for condition in conditions)
    )
