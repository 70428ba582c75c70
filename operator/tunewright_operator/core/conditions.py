"""Derives conditions and the phase from the state of the steps. The message of the leading condition says what happens and what it waits for."""

from dataclasses import dataclass
from datetime import datetime

from tunewright_api import names
from tunewright_api.conditions import Condition, ConditionType, Reason, is_true, upsert
from tunewright_api.status import FineTuneJobStatus, Phase, StepState
from tunewright_operator.core.parse import format_time
from tunewright_operator.core.types import FineTuneJob

STAGE_CONDITIONS = (
    (ConditionType.PREPARED, (names.PREPARE,)),
    (ConditionType.PACKAGED, (names.PACKAGE,)),
    (ConditionType.EVALUATED, (names.EVALUATE,)),
    (ConditionType.PUBLISHED, (names.PUBLISH,)),
)


@dataclass(frozen=True)
class Situation:
    """What is happening, in a word and a sentence."""

    phase: Phase
    reason: str
    message: str
    stalled: bool = False
    """Nothing will change until a person acts."""
    admitted: bool | None = None
    """False while pods wait for a queue, a node or an image; None when no pod is wanted."""
    waits_for: str = ""
    """The wait in a few words, for the failure that ends it."""
    quoted: str = ""
    """The very words of whoever lets it wait."""


def is_finished(status: FineTuneJobStatus) -> bool:
    """Whether the current run is over."""
    return is_true(status.conditions, ConditionType.FINISHED)


def describe(job: FineTuneJob, status: FineTuneJobStatus, situation: Situation, now: datetime) -> FineTuneJobStatus:
    """The status with phase, current step and all conditions brought in line."""
    found = _stage_conditions(job, status, situation) + _leading_conditions(situation)
    conditions = tuple(status.conditions)
    for type_, is_met, reason, message in found:
        new = Condition(
            type=type_,
            status="True" if is_met else "False",
            reason=reason,
            message=message[:2000],
            observed_generation=job.generation,
            last_transition_time=format_time(now),
        )
        conditions = upsert(conditions, new)
    current = next(
        (step.name for step in status.steps if step.state not in (StepState.SUCCEEDED, StepState.WAITING)), None
    )
    last = status.steps[-1].name if status.steps else None
    return status.model_copy(
        update={
            "observed_generation": job.generation,
            "phase": situation.phase,
            "step": current or (last if situation.phase is Phase.COMPLETE else status.step),
            "conditions": list(conditions),
        }
    )


Found = tuple[str, bool, str, str]


def _stage_conditions(job: FineTuneJob, status: FineTuneJobStatus, situation: Situation) -> list[Found]:
    if job.spec is None:
        return [(ConditionType.VALIDATED, False, situation.reason, situation.message)]
    found: list[Found] = [(ConditionType.VALIDATED, True, Reason.SPEC_ACCEPTED, "The spec is understood.")]
    training = tuple(step for step in job.spec.steps() if step.startswith(names.TRAIN_PREFIX))
    groups = sorted(
        (*STAGE_CONDITIONS, (ConditionType.TRAINED, training)),
        key=lambda item: job.spec.steps().index(item[1][0]) if job.spec else 0,
    )
    for type_, steps in groups:
        found.append(_step_condition(type_, steps, status, situation))
    if situation.admitted is not None:
        reason, message = (
            (Reason.PODS_RUNNING, "The pod runs.") if situation.admitted else (situation.reason, situation.message)
        )
        found.append((ConditionType.ADMITTED, situation.admitted, reason, message))
    elif situation.phase is not Phase.RUNNING:
        found.append((ConditionType.ADMITTED, False, situation.reason, "No pod runs, and none is wanted."))
    return found


def _step_condition(type_: str, steps: tuple[str, ...], status: FineTuneJobStatus, situation: Situation) -> Found:
    states = {step.name: step for step in status.steps}
    done = [name for name in steps if name in states and states[name].state is StepState.SUCCEEDED]
    label = steps[0] if len(steps) == 1 else f"{len(done)} of {len(steps)} stages"
    if len(done) == len(steps):
        said = f"Step {label} succeeded." if len(steps) == 1 else "All stages are trained."
        return type_, True, Reason.STEP_SUCCEEDED, _told_of_data(type_, status) or said
    failure = status.failure
    if situation.phase is Phase.FAILED and failure is not None and failure.step in steps:
        return type_, False, failure.failure_class, _told_of_data(type_, status) or situation.message
    running = next(
        (
            states[name]
            for name in steps
            if name in states and states[name].state in (StepState.PENDING, StepState.RUNNING)
        ),
        None,
    )
    if running is not None and situation.phase is Phase.RUNNING:
        return type_, False, situation.reason, situation.message
    return (
        type_,
        False,
        Reason.WAITING_FOR_STEP,
        "It comes after the steps before it." if situation.phase is Phase.RUNNING else "It is not done.",
    )


def _told_of_data(type_: str, status: FineTuneJobStatus) -> str:
    """What the data gate has to say, and what the run will need: more than that the step has ended."""
    dataset = status.dataset
    if type_ != ConditionType.PREPARED or dataset is None or not dataset.message:
        return ""
    return " ".join(filter(None, (dataset.message, dataset.fit)))


def _leading_conditions(situation: Situation) -> list[Found]:
    phase, reason, message = situation.phase, situation.reason, situation.message
    failed = phase in (Phase.FAILED, Phase.CANCELLED)
    finished = failed or phase is Phase.COMPLETE
    suspended = phase is Phase.SUSPENDED
    return [
        (
            ConditionType.SUSPENDED,
            suspended,
            reason if suspended else Reason.NOT_SUSPENDED,
            message if suspended else "spec.suspend is not set.",
        ),
        (ConditionType.COMPLETE, phase is Phase.COMPLETE, reason if finished else Reason.IN_PROGRESS, message),
        (ConditionType.FAILED, failed, reason if finished else Reason.IN_PROGRESS, message),
        (ConditionType.FINISHED, finished, reason if finished else Reason.IN_PROGRESS, message),
        (ConditionType.RECONCILING, not finished and not suspended and not situation.stalled, reason, message),
        (ConditionType.STALLED, failed or situation.stalled, reason, message),
    ]
