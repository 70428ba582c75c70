"""What to do about the step whose turn it is."""

from dataclasses import dataclass
from datetime import datetime

from tunewright_api.conditions import Reason
from tunewright_api.failures import FAILURES, FailureClass
from tunewright_api.limits import Limits
from tunewright_api.status import Failure, FineTuneJobStatus, Phase, StepState, StepStatus
from tunewright_operator.core import history
from tunewright_operator.core.attempts import after_failure, run_config, uncounted_attempt
from tunewright_operator.core.classify import failure_of, image_failure, parse_result, stuck_failure
from tunewright_operator.core.conditions import Situation
from tunewright_operator.core.deadlines import hang_failure, wait_ends, wait_failure
from tunewright_operator.core.exclusion import exclusion_is_in_the_way
from tunewright_operator.core.job_manifest import build_job
from tunewright_operator.core.parse import format_time, parse_time
from tunewright_operator.core.results import fold_leftovers, fold_progress, fold_result, replace_step
from tunewright_operator.core.types import (
    Action,
    CreateJob,
    DeleteJob,
    Event,
    FineTuneJob,
    JobView,
    Observed,
    PodView,
    Settings,
)
from tunewright_operator.core.waiting import refused, situation_of
from tunewright_operator.core.words import next_words, retry_words, stopping_words, stranger_words

LONG_WAIT_SECONDS = 30.0


@dataclass(frozen=True)
class StepPlan:
    """The decision about one step. `situation` is None when the step is done and the next may begin; `failure` ends the run."""

    status: FineTuneJobStatus
    situation: Situation | None = None
    failure: Failure | None = None
    actions: tuple[Action, ...] = ()
    events: tuple[Event, ...] = ()
    requeue_after: float | None = None


def plan_step(job: FineTuneJob, step: StepStatus, observed: Observed, settings: Settings) -> StepPlan:
    """Decide about `step`, which is recorded in the stored status."""
    child = observed.job(step.job_name)
    if child is not None and child.owner_uid != job.uid:
        return _stranger(job, step)
    if step.state is StepState.STOPPING:
        return _stopping(job, step, child, observed, settings)
    if child is None and step.job_uid is None and step.job_name not in observed.vanished:
        return _not_created(job, step, observed, settings)
    if child is None or (step.job_uid is not None and child.uid != step.job_uid):
        return _retry_or_fail(job, step, _lost(f"the Job {step.job_name} has vanished"), job.status, observed)
    recorded = step if step.job_uid else _recorded(step, child, observed)
    return _existing(job, recorded, child, observed, settings)


def _stranger(job: FineTuneJob, step: StepStatus) -> StepPlan:
    words = stranger_words(step)
    situation = Situation(Phase.RUNNING, Reason.CREATION_REFUSED, words, stalled=True, admitted=False)
    return StepPlan(job.status, situation, requeue_after=60)


def _not_created(job: FineTuneJob, step: StepStatus, observed: Observed, settings: Settings) -> StepPlan:
    start = parse_time(step.not_before)
    if start is not None and start > observed.now:
        situation = Situation(Phase.RUNNING, Reason.WAITING_FOR_RETRY, retry_words(step))
        return StepPlan(job.status, situation, requeue_after=(start - observed.now).total_seconds())
    refusal = observed.refusals.get(step.job_name)
    if refusal is not None:
        limits = job.spec.limits if job.spec else Limits()
        situation = refused(step, limits, "Job", refusal)
        late = wait_failure(step, situation, limits, observed.now)
        if late is not None:
            return _retry_or_fail(job, step, late, job.status, observed)
        return StepPlan(job.status, situation, requeue_after=30)
    image = (job.status.resolved.image if job.status.resolved else None) or settings.trainer_image
    run = run_config(job, job.status, step, image, settings.pricing)
    # The deadline of the run is ours to keep: activeDeadlineSeconds would start anew with each Job and stop while one is suspended.
    manifest = build_job(job, run, step.excluded_nodes)
    situation = Situation(Phase.RUNNING, Reason.WAITING_FOR_STEP, next_words(step), admitted=False)
    return StepPlan(job.status, situation, actions=(CreateJob(manifest),), requeue_after=10)


def _recorded(step: StepStatus, child: JobView, observed: Observed) -> StepStatus:
    return step.model_copy(
        update={"job_uid": child.uid, "state": StepState.RUNNING, "start_time": format_time(observed.now)}
    )


def _existing(job: FineTuneJob, step: StepStatus, child: JobView, observed: Observed, settings: Settings) -> StepPlan:
    newly = step.start_time is not None and job.status.steps and step not in job.status.steps
    events = (
        (Event("Normal", "StepStarted", f"Step {step.name}, attempt {step.attempt}: Job {child.name} was created."),)
        if newly
        else ()
    )
    status = replace_step(job.status, step)
    pods = observed.pods_of(child.uid)
    if child.complete:
        return _completed(job, step, pods, status, observed, events)
    if child.failed:
        status = fold_leftovers(status, parse_result(pods, step.name))
        return _retry_or_fail(job, step, failure_of(child, pods, step.name), status, observed, events)
    stuck = stuck_failure(pods, observed.now, settings.termination_patience_seconds)
    if stuck is not None:
        return _retry_or_fail(job, step, stuck, status, observed, events)
    if child.deleting:
        return StepPlan(
            status,
            Situation(Phase.RUNNING, Reason.STOPPING, stopping_words(step, pods, "its Job was deleted")),
            events=events,
            requeue_after=settings.poll_seconds,
        )
    return _at_work(job, status, step, child, observed, settings, events)


def _at_work(
    job: FineTuneJob,
    status: FineTuneJobStatus,
    step: StepStatus,
    child: JobView,
    observed: Observed,
    settings: Settings,
    events: tuple[Event, ...],
) -> StepPlan:
    """The Job is there and has not ended: how far it is, or why it is given up."""
    limits = job.spec.limits if job.spec else Limits()
    pods = observed.pods_of(child.uid)
    status = fold_progress(status, observed.progress, observed.now, settings.progress_interval_seconds)
    step = _with_wait(step, bool(pods) and pods[-1].phase != "Pending", observed)
    situation = situation_of(job, status, step, child, pods, observed, settings)
    hopeless = (
        image_failure(pods, observed.now, settings.image_pull_patience_seconds)
        or wait_failure(step, situation, limits, observed.now)
        or hang_failure(step, status, pods, observed, limits)
    )
    if hopeless is not None:
        return _give_up(status, step, pods, hopeless, events)
    if exclusion_is_in_the_way(step, pods, observed, settings):
        return _use_all_nodes(status, step, pods, events)
    pause = _pause(step, limits, observed.now, settings.poll_seconds)
    return StepPlan(replace_step(status, step), situation, events=events, requeue_after=pause)


def _pause(step: StepStatus, limits: Limits, now: datetime, poll_seconds: float) -> float:
    """Seconds until the next look: soon for progress and for the reason of a wait that has just begun. The end of a longer wait is told by watches, and its deadline is known."""
    since, end = parse_time(step.waiting_since), wait_ends(step, limits)
    if since is None or (now - since).total_seconds() < LONG_WAIT_SECONDS:
        pause = poll_seconds
    else:
        pause = max(poll_seconds, LONG_WAIT_SECONDS)
    return pause if end is None else min(pause, max(1.0, (end - now).total_seconds()))


def _with_wait(step: StepStatus, runs: bool, observed: Observed) -> StepStatus:
    """A queue may take the pod away again: then a new wait begins."""
    since = None if runs else step.waiting_since or format_time(observed.now)
    return step if since == step.waiting_since else step.model_copy(update={"waiting_since": since})


def _give_up(
    status: FineTuneJobStatus,
    step: StepStatus,
    pods: tuple[PodView, ...],
    failure: Failure,
    events: tuple[Event, ...],
) -> StepPlan:
    """Written down before anything is deleted: an operator that dies in between must not take the missing Job for a lost one."""
    stopping = step.model_copy(update={"state": StepState.STOPPING, "stopping_because": failure})
    situation = Situation(
        Phase.RUNNING, failure.failure_class, stopping_words(step, pods, failure.message), admitted=False
    )
    return StepPlan(replace_step(status, stopping), situation, events=events, requeue_after=0)


def _use_all_nodes(
    status: FineTuneJobStatus, step: StepStatus, pods: tuple[PodView, ...], events: tuple[Event, ...]
) -> StepPlan:
    """The same attempt once more, with every node allowed; it costs nothing."""
    nodes = ", ".join(step.excluded_nodes)
    why = f"no other node has room, so {nodes} may be used again"
    stopping = step.model_copy(update={"state": StepState.STOPPING, "excluded_nodes": []})
    said = Event("Warning", "NodesAllowedAgain", f"Step {step.name}, attempt {step.attempt}: {why}.")
    situation = Situation(Phase.RUNNING, Reason.STOPPING, stopping_words(step, pods, why), admitted=False)
    return StepPlan(replace_step(status, stopping), situation, events=(*events, said), requeue_after=0)


def _completed(
    job: FineTuneJob,
    step: StepStatus,
    pods: tuple[PodView, ...],
    status: FineTuneJobStatus,
    observed: Observed,
    events: tuple[Event, ...],
) -> StepPlan:
    result = parse_result(pods, step.name)
    if result is None or result.digest is None:
        # Running the step once more finds its manifest and reports it again.
        return _retry_or_fail(
            job, step, _lost("the step succeeded, but what its pod reported is lost"), status, observed, events
        )
    done = Event("Normal", "StepSucceeded", f"Step {step.name} succeeded at attempt {step.attempt}.")
    status = history.succeeded(fold_result(status, step, result, observed.now), step, pods, observed.now)
    return StepPlan(status, events=(*events, done))


def _stopping(
    job: FineTuneJob, step: StepStatus, child: JobView | None, observed: Observed, settings: Settings
) -> StepPlan:
    failure = step.stopping_because
    pods = observed.pods_of(child.uid) if child else ()
    dead = stuck_failure(pods, observed.now, settings.termination_patience_seconds)
    if (child is None or dead is not None) and failure is not None:
        return _retry_or_fail(job, step, failure, job.status, observed)
    if child is None or dead is not None:
        return _stopped(job, step, observed)
    because = failure.message if failure else "another attempt takes its place"
    reason = failure.failure_class if failure else Reason.STOPPING
    return StepPlan(
        job.status,
        Situation(Phase.RUNNING, reason, stopping_words(step, pods, because), admitted=False),
        actions=() if child.deleting else (DeleteJob(child.name, child.uid),),
        requeue_after=5,
    )


def _stopped(job: FineTuneJob, step: StepStatus, observed: Observed) -> StepPlan:
    status = history.stopped(job.status, step, "Another attempt has taken its place.", observed.now)
    fresh = uncounted_attempt(job, step, observed.now)
    situation = Situation(Phase.RUNNING, Reason.WAITING_FOR_STEP, next_words(fresh), admitted=False)
    return StepPlan(replace_step(status, fresh), situation, requeue_after=0)


def _lost(message: str) -> Failure:
    return Failure(failure_class=FailureClass.NODE_FAULT, message=message, hint=FAILURES[FailureClass.NODE_FAULT].hint)


def _retry_or_fail(
    job: FineTuneJob,
    step: StepStatus,
    failure: Failure,
    status: FineTuneJobStatus,
    observed: Observed,
    events: tuple[Event, ...] = (),
) -> StepPlan:
    failure = failure.model_copy(update={"step": step.name, "attempt": step.attempt})
    pods = observed.pods_of(step.job_uid)
    status = history.failed(status, step, failure, pods, observed.now)
    limits = job.spec.limits if job.spec else Limits()
    retry = after_failure(job, step, failure, limits, observed.now)
    if retry is None:
        failed = step.model_copy(
            update={
                "state": StepState.FAILED,
                "finish_time": format_time(observed.now),
                "waiting_since": None,
                "last_failure": failure,
            }
        )
        return StepPlan(replace_step(status, failed), failure=failure, events=events)
    said = Event(
        "Warning",
        str(failure.failure_class),
        f"Step {step.name}, attempt {step.attempt}: {failure.message}. Attempt {retry.step.attempt} follows.",
    )
    situation = Situation(Phase.RUNNING, Reason.WAITING_FOR_RETRY, retry_words(retry.step))
    return StepPlan(replace_step(status, retry.step), situation, events=(*events, said), requeue_after=0)
