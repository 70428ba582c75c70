"""The sentences of a run as a whole and of its attempts. docs/status-messages.md says how they are made; a test holds every one of them to it."""

from tunewright_api.status import Failure, StepStatus
from tunewright_operator.core.parse import format_time
from tunewright_operator.core.types import PodView


def bare(text: str) -> str:
    """Somebody else's words without their full stop, to be put into a sentence of ours."""
    return " ".join(text.split()).rstrip(". ")


def next_words(step: StepStatus) -> str:
    """The step whose Job does not exist yet."""
    since = f" since {step.waiting_since}" if step.waiting_since else ""
    return f"Step {step.name}, attempt {step.attempt}, has been next{since}. It goes on when its Job has been created."


def retry_words(step: StepStatus) -> str:
    """Why there is another attempt, and when."""
    failure = step.last_failure
    because = f" after {failure.failure_class}: {bare(failure.message)}" if failure else ""
    when = f"at {step.not_before}" if step.not_before else "at once"
    return f"Step {step.name} is tried again{because}. Attempt {step.attempt} starts {when}."


def stopping_words(step: StepStatus, pods: tuple[PodView, ...], because: str) -> str:
    """Why an attempt is being stopped, and how long that can take."""
    deadline = max((pod.deletion_deadline for pod in pods if pod.deletion_deadline), default=None)
    at_the_latest = f", at the latest at {format_time(deadline)}" if deadline else ""
    return f"Step {step.name}, attempt {step.attempt}, is being stopped: {bare(because)}. What follows begins when its pod has saved and ended{at_the_latest}."


def stranger_words(step: StepStatus) -> str:
    """A Job of our name that is not ours."""
    since = f" since {step.waiting_since}" if step.waiting_since else ""
    return f"Step {step.name} has waited{since} for the name {step.job_name}: a Job of that name exists and belongs to somebody else. It goes on when that Job is gone: delete it, or delete this FineTuneJob."


def failed_words(failure: Failure, moment: str) -> str:
    """The end of a run that has failed."""
    attempt = f", attempt {failure.attempt}" if failure.attempt is not None else ""
    where = f" in step {failure.step}{attempt}" if failure.step else ""
    return f"The run failed at {moment}{where}: {bare(failure.message)}. {failure.hint}".strip()


def completed_words(uri: str, moment: str) -> str:
    """The end of a run that went well."""
    return f"The run was complete at {moment}. Its adapter is at {uri}."


def cancelled_words(moment: str) -> str:
    """The end of a run that nobody wants any more."""
    return f"The run was cancelled at {moment}, and no pod of it runs. Set spec.cancel to false and raise spec.runAttempt in one change to run it again."


def suspended_words(since: str) -> str:
    """A run that somebody has suspended."""
    return f"The run has been suspended since {since}: no pod runs, and its deadlines stand still. It goes on from its last checkpoint when spec.suspend is false."
