"""plan(job, observed) -> Plan: a ladder of early returns, derived from what is seen. Nothing but the counters of attempts is remembered."""

from collections.abc import Callable
from datetime import timedelta

from tunewright_api import names
from tunewright_api.conditions import Reason
from tunewright_api.failures import FAILURES, FailureClass
from tunewright_api.limits import Limits
from tunewright_api.status import Failure, FineTuneJobStatus, Phase, Resolved, StepState
from tunewright_operator.core import history
from tunewright_operator.core.attempts import after_pause, first_attempt, uncounted_attempt
from tunewright_operator.core.classify import stuck_failure
from tunewright_operator.core.cleanup import clean_up
from tunewright_operator.core.conditions import Situation, describe, is_finished
from tunewright_operator.core.deadlines import run_failure, run_seconds_left
from tunewright_operator.core.parse import format_time, parse_time
from tunewright_operator.core.results import replace_step, whole_progress
from tunewright_operator.core.resume import kept_results, resume_problem
from tunewright_operator.core.running import plan_step
from tunewright_operator.core.types import DeleteJob, Event, FineTuneJob, JobView, Observed, Plan, Settings
from tunewright_operator.core.words import (
    cancelled_words,
    completed_words,
    failed_words,
    next_words,
    stopping_words,
    suspended_words,
)

_Finish = Callable[[FineTuneJob, Observed, FineTuneJobStatus], Plan]


def plan(job: FineTuneJob, observed: Observed, settings: Settings) -> Plan:
    """Decide what the status should be and what is to be done, once."""
    if job.deleting:
        # The garbage collector takes the children; a write now would only race with it.
        return Plan(job.status)
    if _is_new_run(job):
        return _begin(job, observed, settings)
    if is_finished(job.status):
        return clean_up(job, observed)
    if job.spec is None:
        return _fail(job, observed, job.status, _invalid(job))
    if job.spec.cancel:
        return _stop(job, observed, settings, _cancelled)
    remaining = run_seconds_left(job.status, job.spec.limits, observed.now)
    if remaining is not None and remaining <= 0:
        return _stop(job, observed, settings, _deadline_exceeded)
    if job.spec.suspend:
        return _stop(job, observed, settings, _suspended)
    status = _resumed(job, observed)
    if status is not job.status:
        return _advance(job, status, observed)
    return _with_deadline(remaining, _continue(job, observed, settings))


def _is_new_run(job: FineTuneJob) -> bool:
    wanted = job.spec.run_attempt if job.spec else 1
    return job.status.run_id is None or wanted > (job.status.run_attempt or 0)


def _begin(job: FineTuneJob, observed: Observed, settings: Settings) -> Plan:
    """A new run: nothing of the one before may still be running, and its attempt numbers are not used again."""
    mine = [
        child
        for child in observed.jobs
        if child.owner_uid == job.uid and not (child.complete or child.failed or _is_dead(child, observed, settings))
    ]
    if job.status.run_id is not None and mine:
        return Plan(
            job.status, tuple(DeleteJob(child.name, child.uid) for child in mine if not child.deleting), requeue_after=5
        )
    attempt = job.spec.run_attempt if job.spec else 1
    image = (job.spec.image if job.spec else None) or settings.trainer_image
    kept = kept_results(job)
    status = FineTuneJobStatus(
        run_id=names.run_id(job.uid, attempt),
        run_attempt=attempt,
        start_time=format_time(observed.now),
        conditions=job.status.conditions,
        attempts=job.status.attempts,
    ).model_copy(update=kept)
    resolved = (status.resolved or Resolved()).model_copy(update={"image": image})
    status = status.model_copy(update={"resolved": resolved})
    problem = _invalid(job) if job.spec is None else resume_problem(job)
    if job.spec is None or problem is not None:
        return _fail(job, observed, status, problem or _invalid(job))
    if job.spec.cancel or job.spec.suspend:
        # Nothing is there to be stopped, and what never began needs no attempt.
        return (_cancelled if job.spec.cancel else _suspended)(job, observed, status)
    where = f" from {job.spec.resume_from}" if job.spec.resume_from else ""
    began = f"Run {status.run_id} of {len(job.spec.steps())} steps began{where}."
    return _advance(job, status, observed, Event("Normal", "RunStarted", began))


def _is_dead(child: JobView, observed: Observed, settings: Settings) -> bool:
    """Whether only a node that does not answer holds the Job open: it would hold a new run up for ever."""
    pods = observed.pods_of(child.uid)
    return stuck_failure(pods, observed.now, settings.termination_patience_seconds) is not None


def _advance(job: FineTuneJob, status: FineTuneJobStatus, observed: Observed, *events: Event) -> Plan:
    """Record the attempt that comes next. Its Job is created only after this status is stored."""
    assert job.spec is not None
    states = {step.name: step for step in status.steps}
    for name in job.spec.steps():
        step = states.get(name)
        if step is not None and step.state is StepState.SUCCEEDED:
            continue
        if step is None or step.state is StepState.WAITING:
            status = replace_step(status, first_attempt(job, name, step, observed.now))
        recorded = next(found for found in status.steps if found.name == name)
        situation = Situation(Phase.RUNNING, Reason.WAITING_FOR_STEP, next_words(recorded))
        return Plan(describe(job, status, situation, observed.now), events=events, requeue_after=0)
    return _complete(job, status, observed, events)


def _complete(job: FineTuneJob, status: FineTuneJobStatus, observed: Observed, events: tuple[Event, ...]) -> Plan:
    where = status.adapter.uri if status.adapter else "object storage"
    moment = format_time(observed.now)
    situation = Situation(Phase.COMPLETE, Reason.COMPLETED, completed_words(where, moment))
    status = status.model_copy(update={"completion_time": moment, "progress": whole_progress(status)})
    return Plan(
        describe(job, status, situation, observed.now),
        events=(*events, Event("Normal", "Completed", situation.message)),
    )


def _continue(job: FineTuneJob, observed: Observed, settings: Settings) -> Plan:
    assert job.spec is not None
    states = {step.name: step for step in job.status.steps}
    name = next(
        (name for name in job.spec.steps() if name not in states or states[name].state is not StepState.SUCCEEDED), None
    )
    if name is None or name not in states or states[name].state is StepState.WAITING:
        return _advance(job, job.status, observed)
    outcome = plan_step(job, states[name], observed, settings)
    if outcome.failure is not None:
        return _fail(job, observed, outcome.status, outcome.failure)
    if outcome.situation is None:
        return _advance(job, outcome.status, observed, *outcome.events)
    return Plan(
        describe(job, outcome.status, outcome.situation, observed.now),
        outcome.actions,
        outcome.events,
        outcome.requeue_after,
    )


def _fail(job: FineTuneJob, observed: Observed, status: FineTuneJobStatus, failure: Failure) -> Plan:
    moment = format_time(observed.now)
    situation = Situation(Phase.FAILED, failure.failure_class, failed_words(failure, moment))
    status = status.model_copy(update={"failure": failure, "completion_time": moment})
    return Plan(
        describe(job, status, situation, observed.now),
        events=(Event("Warning", str(failure.failure_class), situation.message),),
    )


def _invalid(job: FineTuneJob) -> Failure:
    return Failure(
        failure_class=FailureClass.INVALID_SPEC,
        message="; ".join(job.spec_problems)[:4000],
        hint=FAILURES[FailureClass.INVALID_SPEC].hint,
    )


def _stop(job: FineTuneJob, observed: Observed, settings: Settings, finish: _Finish) -> Plan:
    """Delete what runs, in the foreground, and go on only when it is gone: a Job outlives its pods."""
    step = next(
        (step for step in job.status.steps if step.state in (StepState.PENDING, StepState.RUNNING, StepState.STOPPING)),
        None,
    )
    child = observed.job(step.job_name) if step else None
    status = job.status
    pods = observed.pods_of(child.uid) if child else ()
    if step is None or child is None or child.owner_uid != job.uid or _is_dead(child, observed, settings):
        if step is not None and (step.job_uid or child):
            status = history.stopped(status, step, f"Stopped by {_wish(job)}.", observed.now)
            status = replace_step(status, uncounted_attempt(job, step, observed.now))
        return finish(job, observed, status)
    status = replace_step(status, step.model_copy(update={"state": StepState.STOPPING, "job_uid": child.uid}))
    situation = Situation(Phase.RUNNING, Reason.SUSPENDING, stopping_words(step, pods, f"{_wish(job)} says so"))
    actions = () if child.deleting else (DeleteJob(child.name, child.uid),)
    return Plan(describe(job, status, situation, observed.now), actions, requeue_after=30)


def _wish(job: FineTuneJob) -> str:
    """The field that stops a run."""
    if job.spec is not None and job.spec.cancel:
        return "spec.cancel"
    return "spec.suspend" if job.spec is not None and job.spec.suspend else "spec.limits.runDeadline"


def _suspended(job: FineTuneJob, observed: Observed, status: FineTuneJobStatus) -> Plan:
    newly = status.suspended_since is None
    status = status.model_copy(update={"suspended_since": status.suspended_since or format_time(observed.now)})
    words = suspended_words(status.suspended_since or format_time(observed.now))
    situation = Situation(Phase.SUSPENDED, Reason.SUSPENDED_BY_USER, words)
    events = (Event("Normal", "Suspended", "The run is suspended; no pod runs."),) if newly else ()
    return Plan(describe(job, status, situation, observed.now), events=events)


def _cancelled(job: FineTuneJob, observed: Observed, status: FineTuneJobStatus) -> Plan:
    moment = format_time(observed.now)
    situation = Situation(Phase.CANCELLED, Reason.CANCELLED, cancelled_words(moment))
    status = status.model_copy(update={"completion_time": moment})
    return Plan(
        describe(job, status, situation, observed.now), events=(Event("Normal", "Cancelled", situation.message),)
    )


def _deadline_exceeded(job: FineTuneJob, observed: Observed, status: FineTuneJobStatus) -> Plan:
    return _fail(job, observed, status, run_failure(status, job.spec.limits if job.spec else Limits()))


def _resumed(job: FineTuneJob, observed: Observed) -> FineTuneJobStatus:
    """The status after a suspension has ended; the very same object when there was none."""
    status = job.status
    if status.suspended_since is not None:
        since = parse_time(status.suspended_since)
        pause = int((observed.now - since).total_seconds()) if since else 0
        return status.model_copy(
            update={
                "suspended_since": None,
                "suspended_seconds": status.suspended_seconds + pause,
                "steps": [after_pause(step, timedelta(seconds=pause)) for step in status.steps],
            }
        )
    return status


def _with_deadline(remaining: float | None, plan: Plan) -> Plan:
    """Look again when the deadline is due, if not before."""
    if remaining is None or is_finished(plan.status):
        return plan
    soonest = remaining if plan.requeue_after is None else min(plan.requeue_after, remaining)
    return Plan(plan.status, plan.actions, plan.events, soonest)
