"""The values that decisions are made of: what is seen (views), what is decided (plans)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from tunewright_api.adapter_monitor import AdapterMonitorSpec, AdapterMonitorStatus, MonitorReport
from tunewright_api.pricing import Pricing
from tunewright_api.run import ProgressReport
from tunewright_api.spec import FineTuneJobSpec
from tunewright_api.status import FineTuneJobStatus

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """What the platform team has set."""

    trainer_image: str
    monitor_image: str
    pricing: Pricing | None = None
    """The GPU that runs get here and its price; pods estimate with it."""
    progress_interval_seconds: int = 30
    """Shortest time between two status writes that only bring progress."""
    poll_seconds: int = 5
    """Pause between two looks at a running pod's /progress."""
    image_pull_patience_seconds: int = 300
    """How long a pod may wait for its image before the run fails."""
    termination_patience_seconds: int = 300
    """How long after its grace period a pod may be stuck Terminating before the next attempt starts."""
    exclusion_patience_seconds: int = 300
    """How long no other node may have room before one that failed is used again."""


@dataclass(frozen=True)
class FineTuneJob:
    """A FineTuneJob, parsed once at the edge."""

    namespace: str
    name: str
    uid: str
    generation: int
    resource_version: str
    deleting: bool
    spec: FineTuneJobSpec | None
    """None when the spec cannot be understood; `spec_problems` says why."""
    spec_problems: tuple[str, ...]
    status: FineTuneJobStatus


@dataclass(frozen=True)
class AdapterMonitor:
    """An AdapterMonitor, parsed once at the edge."""

    namespace: str
    name: str
    uid: str
    generation: int
    resource_version: str
    deleting: bool
    spec: AdapterMonitorSpec | None
    spec_problems: tuple[str, ...]
    status: AdapterMonitorStatus


@dataclass(frozen=True)
class JobView:
    """What decisions need of a batch/v1 Job."""

    name: str
    uid: str
    owner_uid: str | None
    deleting: bool = False
    suspended: bool = False
    complete: bool = False
    failed: bool = False
    failure_reason: str = ""
    failure_message: str = ""
    active: int = 0


@dataclass(frozen=True)
class PodView:
    """What decisions need of a Pod."""

    name: str
    uid: str
    job_uid: str | None
    phase: str = "Pending"
    node: str | None = None
    ip: str | None = None
    exit_code: int | None = None
    termination_reason: str = ""
    """The runtime's word, say OOMKilled."""
    termination_message: str = ""
    waiting_reason: str = ""
    waiting_message: str = ""
    unscheduled_message: str = ""
    """The scheduler's words, while it finds no node."""
    disruption: str = ""
    """Reason of the DisruptionTarget condition, if it is there."""
    created: datetime | None = None
    started: datetime | None = None
    """Since when its container runs."""
    deletion_deadline: datetime | None = None
    """When its grace period ends, if it is being deleted."""


@dataclass(frozen=True)
class Observed:
    """All that a decision about one FineTuneJob may look at besides the object itself."""

    now: datetime
    jobs: tuple[JobView, ...] = ()
    pods: tuple[PodView, ...] = ()
    progress: ProgressReport | None = None
    progress_silence_seconds: float = 0
    """How long the running pod has left this operator's questions for progress unanswered."""
    refusals: Mapping[str, str] = field(default_factory=dict)
    """Job name -> words of whoever keeps it or its pods out: the API server, the Job controller, the queue."""
    vanished: frozenset[str] = frozenset()
    """Names of Jobs that were made and are gone, though the status does not know their uid yet."""

    def job(self, name: str) -> JobView | None:
        """The Job of that name."""
        return next((job for job in self.jobs if job.name == name), None)

    def pods_of(self, job_uid: str | None) -> tuple[PodView, ...]:
        """The pods of one Job, by its uid."""
        return tuple(pod for pod in self.pods if job_uid and pod.job_uid == job_uid)


@dataclass(frozen=True)
class CreateJob:
    """POST this Job, once."""

    manifest: Manifest

    @property
    def name(self) -> str:
        """The Job's deterministic name."""
        return str(self.manifest["metadata"]["name"])


@dataclass(frozen=True)
class DeleteJob:
    """Delete this Job in the foreground, if it is still the one with this uid."""

    name: str
    uid: str


@dataclass(frozen=True)
class Apply:
    """Server-side apply of an object that we own as a whole."""

    manifest: Manifest


Action = CreateJob | DeleteJob | Apply


@dataclass(frozen=True)
class Event:
    """One line of `kubectl describe`, sent after the status write was accepted."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True)
class Plan:
    """One decision: the status as it should be, what to do, what to say, when to look again."""

    status: FineTuneJobStatus
    actions: tuple[Action, ...] = ()
    events: tuple[Event, ...] = ()
    requeue_after: float | None = None
    """Seconds; None waits for the next event."""


@dataclass(frozen=True)
class MonitorObserved:
    """All that a decision about one AdapterMonitor may look at."""

    now: datetime
    deployment: Mapping[str, Any] | None = None
    pod: PodView | None = None
    """The newest of its pods."""
    report: MonitorReport | None = None
    refusal: str | None = None
    """Words of whoever refused to create the Deployment."""


@dataclass(frozen=True)
class MonitorPlan:
    """One decision about an AdapterMonitor."""

    status: AdapterMonitorStatus
    actions: tuple[Action, ...] = ()
    events: tuple[Event, ...] = ()
    requeue_after: float | None = None
