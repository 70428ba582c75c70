"""Where a new run begins when spec.resumeFrom says so."""

from typing import Any

import pytest

from builders import SETTINGS, failed, job, observed
from driven_plan import decide, running
from tunewright_api.failures import FailureClass
from tunewright_api.status import Checkpoint, DatasetStatus, FineTuneJobStatus, Phase, StepState
from tunewright_operator.core.plan import plan
from tunewright_operator.core.types import CreateJob

RUN = "s3://out/adapters/team-a/tune/r1-0a1b2c3d"


def checkpoint(stage: str, run: str = RUN) -> str:
    return f"{run}/train-{stage}/a1-1234abcd/checkpoint-10"


def failed_run(step: str = "train-dpo") -> FineTuneJobStatus:
    """It has failed for good at a train step."""
    current, _ = decide(running(step), failed(step, exit_code=70))
    dataset = DatasetStatus(rows=10)
    saved = Checkpoint(step=step, global_step=10, uri=checkpoint(step[6:]), digest="sha256:" + "b" * 64)
    return current.status.model_copy(update={"dataset": dataset, "checkpoints": [saved]})


def second(status: FineTuneJobStatus, resume_from: str | None, **changes: Any) -> Any:
    fields = {"resumeFrom": resume_from} if resume_from else {}
    return plan(job(status.to_wire(), runAttempt=2, **fields, **changes), observed(seconds=60), SETTINGS)


CASES = [
    pytest.param(None, [("prepare", 2, "Pending")], id="without it from the beginning"),
    pytest.param(checkpoint("dpo"), [("prepare", 1, "Succeeded"), ("train-sft", 1, "Succeeded"), ("train-dpo", 2, "Pending")], id="from the run before: what was done before the checkpoint is kept"),
    pytest.param(checkpoint("sft"), [("prepare", 1, "Succeeded"), ("train-sft", 2, "Pending")], id="from an earlier stage: later ones are done again"),
    pytest.param(checkpoint("dpo", RUN.replace("r1-", "r0-")), [("prepare", 2, "Pending")], id="from a run before that: nothing of it is in status, so all is done again"),
]  # fmt: skip


@pytest.mark.parametrize(("resume_from", "steps"), CASES)
def test_a_new_run_begins_where_it_is_told(resume_from: str | None, steps: list[tuple[str, int, str]]) -> None:
    decision = second(failed_run(), resume_from)
    shown = [(s.name, s.attempt, str(s.state)) for s in decision.status.steps if s.state is not StepState.WAITING]
    assert shown == steps
    assert (decision.status.run_id, decision.status.phase) == ("r2-0a1b2c3d", Phase.RUNNING)
    assert (decision.status.dataset is not None) is (steps[0][2] == "Succeeded")
    assert (decision.status.failure, decision.status.checkpoints) == (None, [])


def test_results_are_kept_only_if_all_steps_before_the_checkpoint_have_one() -> None:
    """Digests are handed on from step to step: a later one is worth nothing without those before."""
    decision = second(failed_run("train-sft"), checkpoint("dpo"))
    assert [(s.name, str(s.state)) for s in decision.status.steps] == [("prepare", "Pending"), ("train-sft", "Waiting")]


def test_the_pod_is_told_the_checkpoint_and_the_kept_results() -> None:
    current = job(second(failed_run(), checkpoint("dpo")).status.to_wire(), runAttempt=2, resumeFrom=checkpoint("dpo"))
    (action,) = plan(current, observed(seconds=60), SETTINGS).actions
    assert isinstance(action, CreateJob)
    assert action.name == "tune-0a1b2c3d-train-dpo-a2"
    (container,) = action.manifest["spec"]["template"]["spec"]["containers"]
    told = next(item["value"] for item in container["env"] if item["name"] == "TUNEWRIGHT_RUN_CONFIG")
    assert f'"resumeFrom":"{checkpoint("dpo")}"' in told
    assert '"train-sft":{"manifestURI":"s3://out/train-sft/manifest.json"' in told


FOREIGN = [
    pytest.param(checkpoint("sft", "s3://out/adapters/team-b/tune/r1-0a1b2c3d"), id="another namespace's"),
    pytest.param(checkpoint("sft", "s3://out/adapters/team-a/other/r1-0a1b2c3d"), id="another job's"),
    pytest.param(checkpoint("sft", "s3://elsewhere/team-a/tune/r1-0a1b2c3d"), id="one of another bucket"),
]


@pytest.mark.parametrize("uri", FOREIGN)
def test_a_checkpoint_of_somebody_else_is_refused_before_any_job(uri: str) -> None:
    decision = second(failed_run(), uri)
    assert decision.actions == ()
    failure = decision.status.failure
    assert failure.failure_class is FailureClass.INVALID_SPEC
    assert failure.message.endswith(
        "is no checkpoint of this FineTuneJob: those lie below s3://out/adapters/team-a/tune/"
    )
    assert "leave spec.resumeFrom out" in failure.hint


def test_a_checkpoint_of_no_stage_makes_the_spec_invalid() -> None:
    decision = plan(job(resumeFrom=checkpoint("kto")), observed(), SETTINGS)
    assert decision.status.failure is not None
    assert "resumeFrom: must be a checkpoint of one of spec.stages" in decision.status.failure.message
