"""What to do about the step whose turn it is."""

from dataclasses import dataclass

from tunewright_api.conditions import Reason
from tunewright_api.failures import FAILURES, FailureClass
from tunewright_api.limits import Limits
from tunewright_api.status import Failure, FineTuneJobStatus, Phase, StepState, StepStatus
from tunewright_operator.core.attempts import after_failure, run_config
from tunewright_operator.core.classify import IMAGE_REASONS, failure_of, image_failure, parse_result, stuck_failure
from tunewright_operator.core.conditions import Situation
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
    if step.stopping_because is not None:
        return _stopping_for_failure(job, step, child, observed)
    if child is None and step.job_uid is None:
        return _not_created(job, step, observed, settings)
    if child is None or (step.job_uid is not None and child.uid != step.job_uid):
        return _retry_or_fail(job, step, _lost(f"the Job {step.job_name} has vanished"), job.status, observed)
    recorded = step if step.job_uid else _recorded(step, child, observed)
    return _existing(job, recorded, child, observed, settings)


def _stranger(job: FineTuneJob, step: StepStatus) -> StepPlan:
    message = f"A Job named {step.job_name} exists and belongs to somebody else; delete it, or delete this FineTuneJob."
    situation = Situation(Phase.RUNNING, Reason.CREATION_REFUSED, message, stalled=True, admitted=False)
    return StepPlan(job.status, situation, requeue_after=60)


def _not_created(job: FineTuneJob, step: StepStatus, observed: Observed, settings: Settings) -> StepPlan:
    start = parse_time(step.not_before)
    if start is not None and start > observed.now:
        because = f" after {step.last_failure.failure_class}: {step.last_failure.message}" if step.last_failure else ""
        situation = Situation(
            Phase.RUNNING, Reason.WAITING_FOR_RETRY, f"Step {step.name} is tried again at {step.not_before}{because}."
        )
        return StepPlan(job.status, situation, requeue_after=(start - observed.now).total_seconds())
    refusal = observed.refusals.get(step.job_name)
    if refusal is not None:
        situation = Situation(
            Phase.RUNNING,
            Reason.CREATION_REFUSED,
            f"The cluster refuses the Job of step {step.name}: {refusal}",
            stalled=True,
            admitted=False,
        )
        return StepPlan(job.status, situation, requeue_after=30)
    image = (job.status.resolved.image if job.status.resolved else None) or settings.trainer_image
    # The deadline of the run is ours to keep: activeDeadlineSeconds would start anew with each Job and stop while one is suspended.
    manifest = build_job(job, run_config(job, job.status, step, image, settings.pricing), None)
    situation = Situation(
        Phase.RUNNING, Reason.WAITING_FOR_STEP, f"The Job of step {step.name} is being created.", admitted=False
    )
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
    if child.deleting and not pods:
        return StepPlan(
            status,
            Situation(Phase.RUNNING, Reason.STEP_RUNNING, f"The Job of step {step.name} is being deleted."),
            events=events,
            requeue_after=10,
        )
    stuck = stuck_failure(pods, observed.now, settings.termination_patience_seconds)
    if stuck is not None:
        return _retry_or_fail(job, step, stuck, status, observed, events)
    hopeless = image_failure(pods, observed.now, settings.image_pull_patience_seconds)
    if hopeless is not None:
        stopping = step.model_copy(update={"state": StepState.STOPPING, "stopping_because": hopeless})
        situation = Situation(Phase.RUNNING, hopeless.failure_class, hopeless.message, admitted=False)
        return StepPlan(
            replace_step(status, stopping),
            situation,
            actions=(DeleteJob(child.name, child.uid),),
            events=events,
            requeue_after=5,
        )
    status = fold_progress(status, observed.progress, observed.now, settings.progress_interval_seconds)
    return StepPlan(
        status, _waiting_or_running(step, child, pods, observed), events=events, requeue_after=settings.poll_seconds
    )


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
    return StepPlan(fold_result(status, step, result, observed.now), events=(*events, done))


def _stopping_for_failure(job: FineTuneJob, step: StepStatus, child: JobView | None, observed: Observed) -> StepPlan:
    failure = step.stopping_because
    assert failure is not None
    if child is None:
        return _retry_or_fail(job, step, failure, job.status, observed)
    actions = () if child.deleting else (DeleteJob(child.name, child.uid),)
    return StepPlan(
        job.status,
        Situation(Phase.RUNNING, failure.failure_class, failure.message, admitted=False),
        actions=actions,
        requeue_after=5,
    )


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
    limits = job.spec.limits if job.spec else Limits()
    retry = after_failure(job, step, failure, limits, observed.now)
    if retry is None:
        failed = step.model_copy(
            update={"state": StepState.FAILED, "finish_time": format_time(observed.now), "last_failure": failure}
        )
        return StepPlan(replace_step(status, failed), failure=failure, events=events)
    said = Event(
        "Warning",
        str(failure.failure_class),
        f"Step {step.name}, attempt {step.attempt}: {failure.message}. Attempt {retry.step.attempt} follows.",
    )
    situation = Situation(
        Phase.RUNNING,
        Reason.WAITING_FOR_RETRY,
        f"Step {step.name} is tried again after {failure.failure_class}: {failure.message}.",
    )
    return StepPlan(replace_step(status, retry.step), situation, events=(*events, said), requeue_after=0)


def _waiting_or_running(step: StepStatus, child: JobView, pods: tuple[PodView, ...], observed: Observed) -> Situation:
    """What the step waits for, in the words of whoever knows: the queue, the quota, the scheduler, the kubelet."""
    name = f"Step {step.name}"
    if child.suspended:
        return Situation(
            Phase.RUNNING, Reason.WAITING_IN_QUEUE, f"{name} waits in its queue to be admitted.", admitted=False
        )
    if not pods:
        refusal = observed.refusals.get(step.job_name)
        if refusal:
            return Situation(
                Phase.RUNNING,
                Reason.CREATION_REFUSED,
                f"The cluster refuses the pod of {name.lower()}: {refusal}",
                stalled=True,
                admitted=False,
            )
        return Situation(
            Phase.RUNNING, Reason.WAITING_FOR_NODE, f"{name} waits for its pod to be created.", admitted=False
        )
    pod = pods[-1]
    if pod.unscheduled_message:
        return Situation(
            Phase.RUNNING,
            Reason.WAITING_FOR_NODE,
            f"{name} waits for a node: {pod.unscheduled_message}",
            admitted=False,
        )
    if pod.waiting_reason in IMAGE_REASONS:
        return Situation(
            Phase.RUNNING,
            Reason.WAITING_FOR_IMAGE,
            f"{name} waits for its image: {pod.waiting_message}",
            admitted=False,
        )
    if pod.phase == "Pending":
        words = f": {pod.waiting_message}" if pod.waiting_message else ""
        return Situation(
            Phase.RUNNING, Reason.WAITING_FOR_NODE, f"{name} starts on node {pod.node}{words}.", admitted=False
        )
    return Situation(
        Phase.RUNNING, Reason.STEP_RUNNING, f"{name} runs on node {pod.node}, attempt {step.attempt}.", admitted=True
    )
