"""Drives the operator's decisions as its shell does: plan, store, plan again."""

from typing import Any

from builders import SETTINGS, STEPS, after, child, job, observed, succeeded
from tunewright_api.status import StepStatus
from tunewright_operator.core.plan import plan
from tunewright_operator.core.types import FineTuneJob, Observed, Plan


def decide(current: FineTuneJob, seen: Observed) -> tuple[FineTuneJob, Plan]:
    """Plan once and store the status, as the shell does."""
    decision = plan(current, seen, SETTINGS)
    return after(current, decision), decision


def started(**changes: Any) -> FineTuneJob:
    """A job whose first attempt is recorded."""
    return decide(job(**changes), observed())[0]


def running(step: str = "prepare", **changes: Any) -> FineTuneJob:
    """A job whose step `step` has a Job with a recorded uid."""
    current = started(**changes)
    for earlier in STEPS[: STEPS.index(step)]:
        current, _ = decide(current, observed(child(earlier)))
        current, _ = decide(current, succeeded(earlier))
    current, _ = decide(current, observed(child(step)))
    return current


def step_of(current: FineTuneJob, name: str) -> StepStatus:
    """What is recorded of a step."""
    return next(step for step in current.status.steps if step.name == name)
