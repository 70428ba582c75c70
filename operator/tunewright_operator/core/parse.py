"""From raw objects of the API server to values. Whatever the schema lets through is understood or named, never raised."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tunewright_api.adapter_monitor import AdapterMonitorSpec, AdapterMonitorStatus
from tunewright_api.sentences import sentences
from tunewright_api.spec import FineTuneJobSpec
from tunewright_api.status import FineTuneJobStatus
from tunewright_operator.core.types import AdapterMonitor, FineTuneJob, JobView, PodView

Raw = Mapping[str, Any]
Spec = TypeVar("Spec", bound=BaseModel)
Status = TypeVar("Status", bound=BaseModel)


def parse_time(text: str | None) -> datetime | None:
    """An API server's timestamp."""
    return datetime.fromisoformat(text[:19]).replace(tzinfo=UTC) if text else None


def format_time(moment: datetime) -> str:
    """A timestamp as the API server writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _spec(model: type[Spec], raw: Raw) -> tuple[Spec | None, tuple[str, ...]]:
    try:
        return model.model_validate(raw.get("spec") or {}), ()
    except ValidationError as error:
        return None, tuple(sentences(model, error))


def _status(model: type[Status], raw: Raw) -> Status:
    try:
        return model.model_validate(raw.get("status") or {})
    except ValidationError:
        # Written by something else than any version of ours: what can be observed is observed again.
        return model()


def unreadable_run(raw: Raw) -> str | None:
    """What is not understood of the status of a run of ours: a newer operator has written it. To observe anew would begin a finished run again, so such an object is left alone."""
    status = raw.get("status") or {}
    if "runId" not in status:
        return None
    try:
        FineTuneJobStatus.model_validate(status)
    except ValidationError as error:
        return "; ".join(sentences(FineTuneJobStatus, error, "status"))
    return None


def parse_job_object(raw: Raw) -> FineTuneJob:
    """A FineTuneJob from its JSON."""
    metadata = raw["metadata"]
    spec, problems = _spec(FineTuneJobSpec, raw)
    return FineTuneJob(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        resource_version=metadata["resourceVersion"],
        deleting="deletionTimestamp" in metadata,
        spec=spec,
        spec_problems=problems,
        status=_status(FineTuneJobStatus, raw),
    )


def parse_monitor_object(raw: Raw) -> AdapterMonitor:
    """An AdapterMonitor from its JSON."""
    metadata = raw["metadata"]
    spec, problems = _spec(AdapterMonitorSpec, raw)
    return AdapterMonitor(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        resource_version=metadata["resourceVersion"],
        deleting="deletionTimestamp" in metadata,
        spec=spec,
        spec_problems=problems,
        status=_status(AdapterMonitorStatus, raw),
    )


def controller_uid(raw: Raw) -> str | None:
    """Uid of the object that controls this one."""
    owners = raw["metadata"].get("ownerReferences") or []
    return next((owner["uid"] for owner in owners if owner.get("controller")), None)


def _conditions(raw: Raw) -> dict[str, Raw]:
    conditions = (raw.get("status") or {}).get("conditions") or []
    return {condition["type"]: condition for condition in conditions if condition.get("status") == "True"}


def job_view(raw: Raw) -> JobView:
    """What decisions need of a Job."""
    metadata, conditions = raw["metadata"], _conditions(raw)
    failed = conditions.get("Failed", {})
    return JobView(
        name=metadata["name"],
        uid=metadata["uid"],
        owner_uid=controller_uid(raw),
        deleting="deletionTimestamp" in metadata,
        suspended=bool((raw.get("spec") or {}).get("suspend")),
        complete="Complete" in conditions,
        failed="Failed" in conditions,
        failure_reason=failed.get("reason", ""),
        failure_message=failed.get("message", ""),
        active=(raw.get("status") or {}).get("active", 0),
    )


def pod_view(raw: Raw) -> PodView:
    """What decisions need of a Pod. Our pods have one container."""
    metadata, status, spec = raw["metadata"], raw.get("status") or {}, raw.get("spec") or {}
    states = status.get("containerStatuses") or [{}]
    state = states[0].get("state") or {}
    terminated = state.get("terminated") or (states[0].get("lastState") or {}).get("terminated") or {}
    waiting = state.get("waiting") or {}
    conditions = status.get("conditions") or []
    unscheduled: Raw = next(
        (
            c
            for c in conditions
            if c["type"] == "PodScheduled" and c["status"] == "False" and c.get("reason") == "Unschedulable"
        ),
        {},
    )
    deleted = parse_time(metadata.get("deletionTimestamp"))
    return PodView(
        name=metadata["name"],
        uid=metadata["uid"],
        job_uid=controller_uid(raw),
        phase=status.get("phase", "Pending"),
        node=spec.get("nodeName"),
        ip=status.get("podIP"),
        exit_code=terminated.get("exitCode"),
        termination_reason=terminated.get("reason", ""),
        termination_message=terminated.get("message", ""),
        waiting_reason=waiting.get("reason", ""),
        waiting_message=waiting.get("message", ""),
        unscheduled_message=unscheduled.get("message", ""),
        disruption=_conditions(raw).get("DisruptionTarget", {}).get("reason", ""),
        created=parse_time(metadata.get("creationTimestamp")),
        started=parse_time((state.get("running") or {}).get("startedAt")),
        # The API server sets deletionTimestamp to the end of the grace period.
        deletion_deadline=deleted,
    )
