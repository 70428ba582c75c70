"""What a step whose Job exists is doing or waiting for, in the words of whoever knows: the queue, the quota, the scheduler, the kubelet, the pod itself."""

from datetime import timedelta

from tunewright_api import names
from tunewright_api.conditions import Reason
from tunewright_api.limits import Limits
from tunewright_api.status import FineTuneJobStatus, Phase, Progress, StepStatus
from tunewright_operator.core.classify import IMAGE_REASONS
from tunewright_operator.core.conditions import Situation
from tunewright_operator.core.deadlines import wait_ends
from tunewright_operator.core.parse import format_time, parse_time
from tunewright_operator.core.types import FineTuneJob, JobView, Observed, PodView, Settings
from tunewright_operator.core.words import bare

LONGEST_SILENCE_SECONDS = 60
"""A pod that runs and has not answered for this long is not going to: something stands between."""


def waiting(
    step: StepStatus, limits: Limits, reason: Reason, waits_for: str, quoted: str, until: str, *, stalled: bool = False
) -> Situation:
    """A wait: since when, for what, in whose words, and what ends it."""
    end = wait_ends(step, limits)
    given_up = f", and is given up at {format_time(end)} (spec.limits.queueDeadline)" if end else ""
    since = f" since {step.waiting_since}" if step.waiting_since else ""
    words = f": {bare(quoted)}" if quoted else ""
    message = f"Step {step.name} has waited{since} {waits_for}{words}. It goes on {until}{given_up}."
    return Situation(
        Phase.RUNNING, reason, message, stalled=stalled, admitted=False, waits_for=waits_for, quoted=quoted
    )


def refused(step: StepStatus, limits: Limits, what: str, words: str) -> Situation:
    """The cluster does not let the Job or its pod in."""
    until = "when the cluster lets it in, and is tried again by itself until then"
    return waiting(
        step, limits, Reason.CREATION_REFUSED, f"while the cluster refuses the {what}", words, until, stalled=True
    )


def situation_of(
    job: FineTuneJob,
    status: FineTuneJobStatus,
    step: StepStatus,
    child: JobView,
    pods: tuple[PodView, ...],
    observed: Observed,
    settings: Settings,
) -> Situation:
    """What the step waits for, or how far it is."""
    limits = job.spec.limits if job.spec else Limits()
    words = observed.refusals.get(step.job_name, "")
    if child.suspended:
        queue = job.spec.compute.queue_name if job.spec else None
        waits_for = f"in queue {queue}" if queue else "for its Job to be resumed by whoever suspended it"
        return waiting(step, limits, Reason.WAITING_IN_QUEUE, waits_for, words, "when its Job is admitted")
    if not pods and words:
        return refused(step, limits, "pod", words)
    if not pods:
        return waiting(
            step, limits, Reason.WAITING_FOR_NODE, "for its pod", "", "when the Job controller has created the pod"
        )
    pod = pods[-1]
    if pod.phase == "Running":
        return _running(status, step, pod, observed)
    return _of_pod(step, pod, words, limits, settings)


def _of_pod(step: StepStatus, pod: PodView, words_of_events: str, limits: Limits, settings: Settings) -> Situation:
    if pod.unscheduled_message:
        return waiting(
            step, limits, Reason.WAITING_FOR_NODE, "for a node", pod.unscheduled_message, "when a node has room for it"
        )
    if pod.waiting_reason in IMAGE_REASONS:
        words = f"{pod.waiting_reason}: {pod.waiting_message}" if pod.waiting_message else pod.waiting_reason
        until = "when the image has been pulled"
        if limits.queue_deadline is None and pod.created is not None:
            end = pod.created + timedelta(seconds=settings.image_pull_patience_seconds)
            until += f", and is given up at {format_time(end)}"
        return waiting(step, limits, Reason.WAITING_FOR_IMAGE, "for its image", words, until)
    if pod.phase == "Pending":
        waits_for = f"for its pod to start on node {pod.node}" if pod.node else "for the scheduler to choose a node"
        reason = Reason.POD_STARTING if pod.node else Reason.WAITING_FOR_NODE
        return waiting(step, limits, reason, waits_for, pod.waiting_message or words_of_events, "when the pod runs")
    message = f"Step {step.name}, attempt {step.attempt}, has ended on node {pod.node}. The next step follows when its Job has taken note."
    return Situation(Phase.RUNNING, Reason.STEP_RUNNING, message, admitted=True)


def _running(status: FineTuneJobStatus, step: StepStatus, pod: PodView, observed: Observed) -> Situation:
    since = f" since {format_time(pod.started)}" if pod.started else ""
    runs = f"Step {step.name}, attempt {step.attempt}, has run on node {pod.node}{since}"
    progress = status.progress
    if progress is not None and (progress.step, progress.attempt) == (step.name, step.attempt):
        message = f"{runs}: {_figures(progress)}. {_end(progress)}"
        return Situation(Phase.RUNNING, Reason.STEP_RUNNING, message, admitted=True)
    if observed.progress_silence_seconds >= LONGEST_SILENCE_SECONDS:
        message = f"{runs}, but does not answer the operator at port {names.HTTP_PORT}: there is no progress to show, and spec.limits.noProgressDeadline does not count. The run goes on; check that network policies let the operator in."
        return Situation(Phase.RUNNING, Reason.PROGRESS_UNAVAILABLE, message, admitted=True)
    message = f"{runs}. The next step follows when it has succeeded."
    return Situation(Phase.RUNNING, Reason.STEP_RUNNING, message, admitted=True)


def _figures(progress: Progress) -> str:
    loss = f", loss {progress.loss:.4g}" if progress.loss is not None else ""
    return f"{progress.summary or progress.activity or 'starting'}{loss}"


def _end(progress: Progress) -> str:
    updated = parse_time(progress.updated_at)
    if progress.eta_seconds is None or updated is None:
        return "The next step follows when it has succeeded."
    return f"By its speed so far it ends at about {format_time(updated + timedelta(seconds=progress.eta_seconds))}."
