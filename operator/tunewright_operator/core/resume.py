"""Where a new run begins: at the beginning, or at the checkpoint that spec.resumeFrom names."""

from typing import Any

from tunewright_api import names
from tunewright_api.failures import FailureClass
from tunewright_api.status import Failure, StepState, StepStatus
from tunewright_operator.core.types import FineTuneJob


def resume_problem(job: FineTuneJob) -> Failure | None:
    """Why the checkpoint may not be resumed from, as far as its URI tells. What is in it, the trainer looks at."""
    if job.spec is None or job.spec.resume_from is None:
        return None
    place = names.checkpoint_place(job.spec.resume_from)
    own = names.run_prefix(job.spec.output.uri, job.namespace, job.name, place.run_id if place else "")
    if place is not None and place.run_uri == own:
        return None
    return Failure(
        failure_class=FailureClass.INVALID_SPEC,
        message=f"spec.resumeFrom: {job.spec.resume_from} is no checkpoint of this FineTuneJob: those lie below {own.rpartition('/')[0]}/",
        hint="Take a URI that status.checkpoints has shown, or leave spec.resumeFrom out, and raise spec.runAttempt.",
    )


def kept_results(job: FineTuneJob) -> dict[str, Any]:
    """What of the stored status goes on into the new run: if it resumes the run before, the steps before its checkpoint, and what they found out."""
    done = _steps_before_checkpoint(job)
    if not done:
        return {"steps": [_waiting(step) for step in job.status.steps]}
    kept = [step if step.name in done else _waiting(step) for step in job.status.steps]
    return {"steps": kept, "dataset": job.status.dataset, "resolved": job.status.resolved}


def _steps_before_checkpoint(job: FineTuneJob) -> frozenset[str]:
    place = names.checkpoint_place(job.spec.resume_from) if job.spec and job.spec.resume_from else None
    if job.spec is None or place is None or place.run_id != job.status.run_id:
        return frozenset()
    before = job.spec.steps()[: job.spec.steps().index(place.step)]
    succeeded = {step.name for step in job.status.steps if step.state is StepState.SUCCEEDED}
    # All or none: digests are handed on from step to step.
    return frozenset(before) if succeeded.issuperset(before) else frozenset()


def _waiting(step: StepStatus) -> StepStatus:
    """Numbers of attempts go on, so that names never repeat."""
    return StepStatus(name=step.name, state=StepState.WAITING, attempt=step.attempt, job_name=step.job_name)
