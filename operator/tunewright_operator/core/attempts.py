"""The life of one step: which attempt there is, what became of it, whether there is another."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tunewright_api import names
from tunewright_api.failures import FAILURES, FailureClass
from tunewright_api.limits import Limits
from tunewright_api.pricing import Pricing
from tunewright_api.run import RunConfig, StepInput
from tunewright_api.status import Failure, FineTuneJobStatus, StepState, StepStatus
from tunewright_operator.core.exclusion import excluded_after
from tunewright_operator.core.parse import format_time, parse_time
from tunewright_operator.core.types import FineTuneJob

LONGEST_BACKOFF_SECONDS = 600


def first_attempt(job: FineTuneJob, name: str, before: StepStatus | None, now: datetime) -> StepStatus:
    """Record the first attempt of a step in this run. Numbers go on from an earlier run: names never repeat."""
    return _attempt(job, name, (before.attempt if before else 0) + 1, now)


def _attempt(job: FineTuneJob, name: str, number: int, waiting_since: datetime) -> StepStatus:
    return StepStatus(
        name=name,
        state=StepState.PENDING,
        attempt=number,
        job_name=names.child_name(job.name, job.uid, name, number),
        waiting_since=format_time(waiting_since),
    )


def uncounted_attempt(job: FineTuneJob, step: StepStatus, now: datetime) -> StepStatus:
    """Another attempt that costs nothing: after a suspension. If the one before had got no pod to run, its wait goes on."""
    fresh = _attempt(job, step.name, step.attempt + 1, parse_time(step.waiting_since) or now)
    return fresh.model_copy(
        update={
            "retries": step.retries,
            "last_failure": step.last_failure,
            "excluded_nodes": step.excluded_nodes,
        }
    )


def after_pause(step: StepStatus, pause: timedelta) -> StepStatus:
    """The step with its deadlines moved on by the time in which they stood still."""
    since = parse_time(step.waiting_since)
    return step.model_copy(update={"waiting_since": format_time(since + pause)}) if since else step


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
    fresh = _attempt(job, step.name, step.attempt + 1, now + timedelta(seconds=delay))
    return Retry(
        fresh.model_copy(
            update={
                "retries": {**step.retries, failure.failure_class: spent + 1},
                "last_failure": failure,
                "excluded_nodes": excluded_after(step, failure, job.status.attempts),
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
