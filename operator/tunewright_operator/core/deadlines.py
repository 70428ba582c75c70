"""The three deadlines of `spec.limits`: of the run, of a wait, of progress. Time in suspension counts for none of them."""

from datetime import datetime, timedelta

from tunewright_api.conditions import Reason
from tunewright_api.failures import FAILURES, FailureClass
from tunewright_api.limits import Limits, seconds
from tunewright_api.status import Failure, FineTuneJobStatus, StepStatus
from tunewright_operator.core.conditions import Situation
from tunewright_operator.core.parse import parse_time
from tunewright_operator.core.results import is_news
from tunewright_operator.core.types import Observed, PodView

CLASS_OF_WAIT: dict[str, FailureClass] = {
    Reason.WAITING_FOR_IMAGE: FailureClass.IMAGE_PULL,
    Reason.POD_STARTING: FailureClass.DEADLINE_EXCEEDED,
}
"""Whoever waits for a queue, a quota or a node is Unschedulable."""


def run_seconds_left(status: FineTuneJobStatus, limits: Limits, now: datetime) -> float | None:
    """Seconds until spec.limits.runDeadline; None without one."""
    started = parse_time(status.start_time)
    if limits.run_deadline is None or started is None:
        return None
    paused = timedelta(seconds=status.suspended_seconds)
    until = parse_time(status.suspended_since) or now
    return seconds(limits.run_deadline) - (until - started - paused).total_seconds()


def run_failure(status: FineTuneJobStatus, limits: Limits) -> Failure:
    """The failure of a run that has taken too long."""
    return Failure(
        failure_class=FailureClass.DEADLINE_EXCEEDED,
        message=f"the run has taken longer than spec.limits.runDeadline ({limits.run_deadline})",
        hint=FAILURES[FailureClass.DEADLINE_EXCEEDED].hint,
        step=status.step,
    )


def wait_ends(step: StepStatus, limits: Limits) -> datetime | None:
    """When the wait of this attempt is given up; None without a deadline, and while it does not wait."""
    since = parse_time(step.waiting_since)
    return since + timedelta(seconds=seconds(limits.queue_deadline)) if limits.queue_deadline and since else None


def wait_failure(step: StepStatus, situation: Situation, limits: Limits, now: datetime) -> Failure | None:
    """The failure of an attempt that has waited too long, in the words of whoever let it wait."""
    end = wait_ends(step, limits)
    if end is None or now < end:
        return None
    failure_class = CLASS_OF_WAIT.get(situation.reason, FailureClass.UNSCHEDULABLE)
    words = f": {situation.quoted}" if situation.quoted else ""
    return Failure(
        failure_class=failure_class,
        message=f"it has waited since {step.waiting_since} {situation.waits_for}, longer than spec.limits.queueDeadline ({limits.queue_deadline}){words}",
        hint=f"{FAILURES[failure_class].hint} A longer spec.limits.queueDeadline waits on; raise spec.runAttempt to run again.",
    )


def hang_failure(
    step: StepStatus, status: FineTuneJobStatus, pods: tuple[PodView, ...], observed: Observed, limits: Limits
) -> Failure | None:
    """The failure of an attempt whose pod runs and gets nowhere. What has never answered is not judged: a network policy must not end a healthy run."""
    since = _unchanged_since(step, status, observed)
    running = next((pod for pod in pods if pod.phase == "Running" and pod.deletion_deadline is None), None)
    if limits.no_progress_deadline is None or since is None or running is None:
        return None
    if (observed.now - since).total_seconds() < seconds(limits.no_progress_deadline):
        return None
    known = status.progress
    said = f"since {known.updated_at} ({known.summary or known.activity})" if known else ""
    return Failure(
        failure_class=FailureClass.HANG,
        message=f"its pod has reported nothing new {said}, longer than spec.limits.noProgressDeadline ({limits.no_progress_deadline})",
        hint=FAILURES[FailureClass.HANG].hint,
        node=running.node,
    )


def _unchanged_since(step: StepStatus, status: FineTuneJobStatus, observed: Observed) -> datetime | None:
    """Since when the progress of this attempt has been what it is; None before its pod has answered once, and while it moves."""
    known = status.progress
    if known is None or (known.step, known.attempt) != (step.name, step.attempt):
        return None
    if observed.progress is not None and is_news(known, observed.progress.progress):
        return None
    since = parse_time(known.updated_at)
    if since is None or observed.progress is not None:
        return since
    # It does not answer. What this operator has not asked for itself it does not hold against the pod: it may have been away.
    return max(since, observed.now - timedelta(seconds=observed.progress_silence_seconds))
