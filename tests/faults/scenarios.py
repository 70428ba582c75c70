"""The scenarios, as data: what the pods do, what the user does and when, and how it ends."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from faults.exchange import Body
from faults.played_controllers import Script
from played_kubelet import Ending, success
from tunewright_api.failures import PREEMPTED_EXIT_CODE
from tunewright_api.run import RunConfig

When = Callable[[Body], bool]
"""Looks at the FineTuneJob."""
SINGLE = [{"name": "sft", "method": "SFT", "dataset": {"uri": "s3://data/sft.jsonl"}}]
DOUBLE = [*SINGLE, {"name": "dpo", "method": "DPO", "dataset": {"uri": "s3://data/dpo.jsonl"}}]
BROKEN_EXIT_CODE = 1


@dataclass(frozen=True)
class Act:
    """Something that the user does once it is time."""

    when: When
    change: Body = field(default_factory=dict)
    """A patch of the spec."""
    delete: bool = False
    lift_quota: bool = False


@dataclass(frozen=True)
class Scenario:
    """One story with one end."""

    name: str
    end: When
    script: Script = success
    acts: tuple[Act, ...] = ()
    stages: list[Body] = field(default_factory=lambda: SINGLE)
    quota: dict[str, str] | None = None
    """What the namespace allows, until it is lifted."""
    gone: bool = False
    """Whether the object itself is gone in the end; `end` is not asked then."""


def phase(*wanted: str) -> When:
    """The run is in one of these phases."""
    return lambda job: (job.get("status") or {}).get("phase") in wanted


def step_of(job: Body, name: str) -> Body:
    """The step as the status has it; empty when it is not there."""
    return next((step for step in (job.get("status") or {}).get("steps") or [] if step["name"] == name), {})


def condition_of(job: Body, type_: str) -> Body:
    """The condition; empty when it is not there."""
    return next((found for found in (job.get("status") or {}).get("conditions") or [] if found["type"] == type_), {})


def training(job: Body) -> bool:
    """The first training step runs, and its Job is recorded."""
    return bool(step_of(job, "train-sft").get("jobUID"))


def refused(job: Body) -> bool:
    """The status says that the cluster refuses."""
    return condition_of(job, "Admitted").get("reason") == "CreationRefused"


def _first_attempt_of_training(ending: Ending | None) -> Script:
    def script(config: RunConfig) -> Ending | None:
        return ending if (config.step, config.attempt) == ("train-sft", 1) else success(config)

    return script


def _training_runs_on(config: RunConfig) -> Any:
    return None if config.step == "train-sft" else success(config)


SCENARIOS = (
    Scenario("success", phase("Complete")),
    Scenario("fail-and-retry", phase("Complete"), script=_first_attempt_of_training(Ending(BROKEN_EXIT_CODE))),
    Scenario(
        "preempt-and-resume",
        phase("Complete"),
        script=_first_attempt_of_training(Ending(PREEMPTED_EXIT_CODE, disrupted=True)),
    ),
    Scenario("cancel", phase("Cancelled"), script=_training_runs_on, acts=(Act(training, {"cancel": True}),)),
    Scenario(
        "suspend-and-resume",
        phase("Complete"),
        script=_first_attempt_of_training(None),
        acts=(Act(training, {"suspend": True}), Act(phase("Suspended"), {"suspend": False})),
    ),
    Scenario("delete", phase(), script=_training_runs_on, acts=(Act(training, delete=True),), gone=True),
    Scenario("two-stages", phase("Complete"), stages=DOUBLE),
    Scenario(
        "quota",
        phase("Complete"),
        quota={"count/jobs.batch": "0"},
        acts=(Act(refused, lift_quota=True),),
    ),
)
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
