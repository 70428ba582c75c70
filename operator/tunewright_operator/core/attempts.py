"""The life of one step: which attempt there is, what became of it, whether there is another."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tunewright_api import names
from tunewright_api.failures import FAILURES, FailureClass
from tunewright_api.limits import Limits
from tunewright_api.pricing import Pricing
from tunewright_api.run import RunConfig, StepInput
from tunewright_api.status import Failure, FineTuneJobStatus, StepState, StepStatus
from tunewright_operator.core.parse import format_time
from tunewright_operator.core.types import FineTuneJob

LONGEST_BACKOFF_SECONDS = 600


def first_attempt(job: FineTuneJob, name: str, before: StepStatus | None) -> StepStatus:
    """Record the first attempt of a step in this run. Numbers go on from an earlier run: names never repeat."""
    return _attempt(job, name, (before.attempt if before else 0) + 1)


def _attempt(job: FineTuneJob, name: str, number: int) -> StepStatus:
    return StepStatus(
        name=name, state=StepState.PENDING, attempt=number, job_name=names.child_name(job.name, job.uid, name, number)
    )


def uncounted_attempt(job: FineTuneJob, step: StepStatus) -> StepStatus:
    """Another attempt that costs nothing: after a suspension."""
    fresh = _attempt(job, step.name, step.attempt + 1)
    return fresh.model_copy(update={"retries": step.retries, "last_failure": step.last_failure})


@dataclass(frozen=True)
class Retry:
    """Another attempt, not before its time."""

    step: StepStatus


def after_failure(job: FineTuneJob, step: StepStatus, failure: Failure, limits: Limits, now: datetime) -> Retry | None:
    """The next attempt after `failure`, or None when its class has no budget left."""
    spent = step.retries.get(failure.failure_class, 0)
    if spent >= limits.retries_for(failure.failure_class):
        return None
    delay = backoff_seconds(failure.failure_class, spent)
    fresh = _attempt(job, step.name, step.attempt + 1)
    return Retry(
        fresh.model_copy(
            update={
                "retries": {**step.retries, failure.failure_class: spent + 1},
                "last_failure": failure,
                "not_before": format_time(now + timedelta(seconds=delay)) if delay else None,
            }
        )
    )


def backoff_seconds(failure: FailureClass, spent: int) -> int:
    """Pause before the next attempt: doubled for each one spent, at most ten minutes."""
    return min(FAILURES[failure].backoff_seconds << min(spent, 10), LONGEST_BACKOFF_SECONDS)


def run_config(
    job: FineTuneJob, status: FineTuneJobStatus, step: StepStatus, image: str, pricing: Pricing | None = None
) -> RunConfig:
    """What the pod of this attempt is told: digests come from status, never from the bucket."""
    if job.spec is None or status.run_id is None:
        raise ValueError("a run needs a valid spec and a run id")
    done = [other for other in status.steps if other.state is StepState.SUCCEEDED]
    return RunConfig(
        namespace=job.namespace,
        name=job.name,
        uid=job.uid,
        run_id=status.run_id,
        step=step.name,
        attempt=step.attempt,
        inputs={
            other.name: StepInput(manifest_uri=other.manifest_uri, digest=other.digest)
            for other in done
            if other.manifest_uri and other.digest
        },
        image=image,
        pricing=pricing,
        spec=job.spec,
    )
