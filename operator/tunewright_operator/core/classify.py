"""Why an attempt ended badly, from its Job and all of its pods."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from pydantic import ValidationError

from tunewright_api.failures import EXIT_CODES, FAIL_JOB_EXIT_CODES, FAILURES, PREEMPTED_EXIT_CODE, FailureClass
from tunewright_api.run import RunResult
from tunewright_api.status import Failure
from tunewright_operator.core.types import JobView, PodView

OUT_OF_MEMORY_KILL = "OOMKilled"
KILLED = 137
NODE_REASONS = frozenset({"NodeLost", "NodeShutdown", "Terminated", "ContainerStatusUnknown"})
HOPELESS_IMAGE_REASONS = frozenset({"InvalidImageName", "ErrImageNeverPull"})
IMAGE_REASONS = HOPELESS_IMAGE_REASONS | {"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"}


def is_starting(pod: PodView) -> bool:
    """Whether the pod has its node, and the kubelet has not got it to run."""
    return pod.phase == "Pending" and pod.node is not None and pod.waiting_reason not in IMAGE_REASONS


def parse_result(pods: Iterable[PodView], step: str) -> RunResult | None:
    """The result that a pod left behind, if it can be read and speaks of this step."""
    for pod in pods:
        try:
            result = RunResult.model_validate_json(pod.termination_message)
        except ValidationError:
            continue
        if result.step == step:
            return result
    return None


def _failure(failure_class: FailureClass, message: str, pod: PodView | None = None) -> Failure:
    return Failure(
        failure_class=failure_class,
        message=message,
        hint=FAILURES[failure_class].hint,
        exit_code=pod.exit_code if pod else None,
        node=pod.node if pod else None,
    )


def failure_of(job: JobView, pods: tuple[PodView, ...], step: str) -> Failure:
    """The failure of a Job that has failed. A disruption outweighs everything: what a pod says while it is evicted is not its own fault."""
    if job.failure_reason == "DeadlineExceeded":
        return _failure(FailureClass.DEADLINE_EXCEEDED, "the run has taken longer than spec.limits.runDeadline")
    disrupted = next((pod for pod in pods if pod.disruption or pod.exit_code == PREEMPTED_EXIT_CODE), None)
    if disrupted is not None or "DisruptionTarget" in job.failure_message:
        words = disrupted.disruption if disrupted and disrupted.disruption else "SIGTERM"
        return _failure(FailureClass.PREEMPTED, f"the pod was stopped from outside ({words})", disrupted)
    reported = parse_result(pods, step)
    if reported is not None and reported.failure is not None:
        pod = next((pod for pod in pods if pod.exit_code), None)
        return reported.failure.model_copy(
            update={"exit_code": pod.exit_code if pod else None, "node": pod.node if pod else reported.failure.node}
        )
    return _failure_by_exit_code(job, pods)


def _failure_by_exit_code(job: JobView, pods: tuple[PodView, ...]) -> Failure:
    pod = next((pod for pod in pods if pod.exit_code not in (None, 0)), None)
    if pod is None:
        words = job.failure_message or "no pod of it is left"
        return _failure(
            FailureClass.NODE_FAULT, f"the Job failed without a word from its pod ({words})", pods[0] if pods else None
        )
    if pod.termination_reason == OUT_OF_MEMORY_KILL:
        return _failure(FailureClass.OUT_OF_MEMORY, "the kernel ended the pod: it used more memory than its limit", pod)
    if pod.termination_reason in NODE_REASONS:
        return _failure(FailureClass.NODE_FAULT, f"the node lost the pod ({pod.termination_reason})", pod)
    code = pod.exit_code or 0
    if code in EXIT_CODES:
        return _failure(EXIT_CODES[code], f"the pod ended with exit code {code} and left no message", pod)
    if code in FAIL_JOB_EXIT_CODES:
        return _failure(FailureClass.INTERNAL, f"the pod ended with the unknown exit code {code}", pod)
    if code == KILLED:
        return _failure(FailureClass.NODE_FAULT, "the pod was killed (exit code 137) and not for its memory", pod)
    return _failure(FailureClass.INTERNAL, f"the pod ended with exit code {code} and left no message", pod)


def image_failure(pods: tuple[PodView, ...], now: datetime, patience_seconds: int) -> Failure | None:
    """The failure of a pod whose image will not come; None while there is hope."""
    for pod in pods:
        if pod.waiting_reason not in IMAGE_REASONS:
            continue
        waited = now - pod.created if pod.created else timedelta(0)
        if pod.waiting_reason in HOPELESS_IMAGE_REASONS or waited > timedelta(seconds=patience_seconds):
            return _failure(
                FailureClass.IMAGE_PULL,
                f"the image cannot be pulled: {pod.waiting_reason}: {pod.waiting_message[:500]}",
                pod,
            )
    return None


def stuck_failure(pods: tuple[PodView, ...], now: datetime, patience_seconds: int) -> Failure | None:
    """The failure of a pod that should be gone long since: its node is dead, and holds the Job open for ever."""
    for pod in pods:
        if pod.deletion_deadline and now - pod.deletion_deadline > timedelta(seconds=patience_seconds):
            return _failure(
                FailureClass.NODE_FAULT,
                f"the pod has been terminating for too long; its node {pod.node} does not answer",
                pod,
            )
    return None
