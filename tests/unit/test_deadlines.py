"""The deadlines of spec.limits: what counts, what stands still, and in whose words a run ends."""

from datetime import timedelta
from typing import Any

import pytest

from builders import DIGEST, NOW, SETTINGS, child, failed, job, observed, pod
from driven_plan import decide, running, started, step_of
from tunewright_api.conditions import find
from tunewright_api.failures import FailureClass
from tunewright_api.run import ProgressReport
from tunewright_api.status import Checkpoint, Progress, StepState
from tunewright_operator.core.parse import format_time
from tunewright_operator.core.plan import plan
from tunewright_operator.core.types import DeleteJob, FineTuneJob, Observed

QUEUE = {"limits": {"queueDeadline": "30m"}}
PROGRESS = {"limits": {"noProgressDeadline": "10m"}}
PENDING = {"phase": "Pending", "node": None}


def at(seconds: float) -> str:
    return format_time(NOW + timedelta(seconds=seconds))


def report(step: int, attempt: int = 1, of: str = "train-sft") -> ProgressReport:
    progress = Progress(step=of, attempt=attempt, global_step=step, total_steps=40, summary=f"sft {step}/40")
    return ProgressReport(progress=progress)


def seen(seconds: float, progress: ProgressReport | None = None, **changes: Any) -> Observed:
    """The training pod runs."""
    return observed(child("train-sft"), pods=(pod("train-sft"),), seconds=seconds, progress=progress, **changes)


WAITS = [
    pytest.param({"suspended": True}, None, {}, FailureClass.UNSCHEDULABLE, "for its Job to be resumed", id="a queue does not admit it"),
    pytest.param({}, {**PENDING, "unscheduled_message": "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."}, {}, FailureClass.UNSCHEDULABLE, "since 2026-01-31T12:00:00Z for a node, longer than spec.limits.queueDeadline (30m): 0/3 nodes are available: 3 Insufficient nvidia.com/gpu.", id="no node has room"),
    pytest.param({}, None, {"tune-0a1b2c3d-prepare-a1": "exceeded quota: gpus"}, FailureClass.UNSCHEDULABLE, "(30m): exceeded quota: gpus", id="the quota refuses its pod"),
    pytest.param({}, {"phase": "Pending", "waiting_reason": "ContainerCreating", "waiting_message": "mounting"}, {}, FailureClass.DEADLINE_EXCEEDED, "for its pod to start on node node-1", id="its volumes cannot be mounted"),
]  # fmt: skip


@pytest.mark.parametrize(("job_shows", "pod_shows", "refusals", "expected", "words"), WAITS)
def test_a_wait_ends_at_its_deadline_in_the_words_of_whoever_let_it_wait(
    job_shows: dict[str, Any],
    pod_shows: dict[str, Any] | None,
    refusals: dict[str, str],
    expected: FailureClass,
    words: str,
) -> None:
    def look(seconds: float) -> Observed:
        pods = () if pod_shows is None else (pod(**pod_shows),)
        return observed(child(**job_shows), pods=pods, seconds=seconds, refusals=refusals)

    current, decision = decide(running(**QUEUE), look(1799))
    assert (decision.actions, step_of(current, "prepare").state) == ((), StepState.RUNNING)
    current, _ = decide(current, look(1800))
    assert step_of(current, "prepare").state is StepState.STOPPING
    current, decision = decide(current, look(1801))
    assert decision.actions == (DeleteJob("tune-0a1b2c3d-prepare-a1", "job-prepare-1"),)
    current, _ = decide(current, observed(seconds=1810))
    failure = current.status.failure
    assert failure is not None
    assert failure.failure_class is expected
    assert words in failure.message
    assert "spec.limits.queueDeadline" in failure.hint


def test_a_job_that_is_never_let_in_ends_at_the_deadline_without_one() -> None:
    current = started(**QUEUE)
    words = {"tune-0a1b2c3d-prepare-a1": "exceeded quota: jobs"}
    current, _ = decide(current, observed(seconds=1799, refusals=words))
    assert current.status.failure is None
    current, decision = decide(current, observed(seconds=1800, refusals=words))
    assert decision.actions == ()
    assert current.status.failure is not None
    assert current.status.failure.message.endswith("(30m): exceeded quota: jobs")


def test_a_pod_that_runs_ends_the_wait_and_a_queue_that_takes_it_away_begins_another() -> None:
    current, _ = decide(running("train-sft", **QUEUE), seen(100))
    assert step_of(current, "train-sft").waiting_since is None
    current, _ = decide(current, observed(child("train-sft", suspended=True), seconds=5000))
    assert step_of(current, "train-sft").waiting_since == at(5000)
    assert step_of(current, "train-sft").state is StepState.RUNNING


def test_a_step_that_is_over_waits_for_nothing() -> None:
    assert step_of(running("train-sft"), "prepare").waiting_since is None, "its pod was never seen to run"
    current, _ = decide(running(), failed("prepare", exit_code=65))
    assert step_of(current, "prepare").waiting_since is None


def test_a_wait_stands_still_while_the_user_suspends() -> None:
    current, _ = decide(running(**QUEUE), observed(child(suspended=True), seconds=600))
    wire = current.status.to_wire()
    resting = plan(job(wire, suspend=True, **QUEUE), observed(seconds=600), SETTINGS)
    assert step_of(current, "prepare").waiting_since == at(0)
    again = plan(job(resting.status.to_wire(), **QUEUE), observed(seconds=10_600), SETTINGS)
    assert again.status.steps[0].waiting_since == at(10_000)


def test_another_attempt_waits_anew() -> None:
    budget = {"limits": {"queueDeadline": "30m", "retries": {"Unschedulable": 1}}}
    current, _ = decide(running(**budget), observed(child(suspended=True), seconds=1800))
    current, _ = decide(current, observed(seconds=1900))
    step = step_of(current, "prepare")
    assert (step.attempt, step.waiting_since) == (2, at(1900))


def test_the_message_of_a_wait_says_since_when_what_for_and_until_when() -> None:
    unscheduled = pod(**PENDING, unscheduled_message="0/3 nodes are available.")
    current, _ = decide(running(**QUEUE), observed(child(), pods=(unscheduled,), seconds=60))
    leading = find(current.status.conditions, "Reconciling")
    assert leading is not None
    assert leading.message == (
        "Step prepare has waited since 2026-01-31T12:00:00Z for a node: 0/3 nodes are available. "
        "It goes on when a node has room for it, and is given up at 2026-01-31T12:30:00Z (spec.limits.queueDeadline)."
    )


def training() -> FineTuneJob:
    """It has answered once, at step 7 after ten seconds."""
    return decide(running("train-sft", **PROGRESS), seen(10, report(7)))[0]


STILL = [
    pytest.param(seen(609, report(7)), False, id="just before the deadline"),
    pytest.param(seen(610, report(7)), True, id="it answers and says the same for ten minutes"),
    pytest.param(seen(5000, report(8)), False, id="it has moved on, if late"),
    pytest.param(seen(5000, None, progress_silence_seconds=599), False, id="it is silent, but was not asked before"),
    pytest.param(seen(5000, None, progress_silence_seconds=600), True, id="it was asked for ten minutes and said nothing"),
    pytest.param(seen(5000, None), False, id="the operator was away and has not asked yet"),
]  # fmt: skip


@pytest.mark.parametrize(("now", "hangs"), STILL)
def test_a_pod_that_gets_nowhere_hangs(now: Observed, hangs: bool) -> None:
    current, _ = decide(training(), now)
    step = step_of(current, "train-sft")
    assert (step.state is StepState.STOPPING) is hangs
    if hangs:
        assert step.stopping_because is not None
        assert step.stopping_because.failure_class is FailureClass.HANG
        assert "nothing new since 2026-01-31T12:00:10Z (sft 7/40)" in step.stopping_because.message
        assert step.stopping_because.node == "node-1"


def test_a_hang_costs_an_attempt_and_the_next_is_not_judged_by_the_old_progress() -> None:
    current, _ = decide(training(), seen(610, report(7)))
    current, decision = decide(current, seen(611, report(7)))
    assert decision.actions == (DeleteJob("tune-0a1b2c3d-train-sft-a1", "job-train-sft-1"),)
    current, _ = decide(current, observed(seconds=700))
    assert step_of(current, "train-sft").retries == {FailureClass.HANG: 1}
    later = observed(child("train-sft", 2), pods=(pod("train-sft", 2),), seconds=9000, progress_silence_seconds=900)
    current, _ = decide(current, later)
    current, decision = decide(current, later)
    assert step_of(current, "train-sft").state is StepState.RUNNING
    leading = find(current.status.conditions, "Reconciling")
    assert leading is not None
    assert leading.reason == "ProgressUnavailable"
    assert "does not answer the operator at port 8080" in leading.message


def test_progress_that_is_no_news_is_not_written_again() -> None:
    current = training()
    decision = plan(current, seen(500, report(7)), SETTINGS)
    assert decision.status == current.status


def test_a_checkpoint_without_a_new_figure_is_written() -> None:
    saved = Checkpoint(step="train-sft", global_step=7, uri="s3://o/c", digest=DIGEST)
    told = report(7).model_copy(update={"checkpoint": saved})
    current, _ = decide(training(), seen(500, told))
    assert current.status.checkpoints == [saved]
    assert plan(current, seen(900, told), SETTINGS).status == current.status


def test_a_hung_pod_on_a_dead_node_does_not_hold_the_run() -> None:
    current, _ = decide(training(), seen(610, report(7)))
    stuck = pod("train-sft", deletion_deadline=NOW + timedelta(seconds=700))
    held = observed(child("train-sft", deleting=True), pods=(stuck,), seconds=1001)
    current, _ = decide(current, held)
    assert step_of(current, "train-sft").attempt == 2
