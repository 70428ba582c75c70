"""What the operator decides, a sentence a case."""

from typing import Any

import pytest

from builders import NOW, SETTINGS, STEPS, UID, child, failed, job, observed, pod, result, succeeded
from driven_plan import decide, running, started, step_of
from tunewright_api.conditions import find, is_true
from tunewright_api.failures import FailureClass
from tunewright_api.run import RunResult
from tunewright_api.status import Failure, FineTuneJobStatus, Phase, StepState, StepStatus
from tunewright_operator.core.plan import plan
from tunewright_operator.core.results import whole_progress
from tunewright_operator.core.running import LONG_WAIT_SECONDS
from tunewright_operator.core.types import CreateJob, DeleteJob


def test_the_first_look_records_the_attempt_and_creates_nothing() -> None:
    decision = plan(job(), observed(), SETTINGS)
    assert decision.actions == ()
    assert [(step.name, step.attempt, step.state) for step in decision.status.steps] == [
        ("prepare", 1, StepState.PENDING)
    ]
    assert decision.status.run_id == "r1-0a1b2c3d"
    assert decision.status.observed_generation == 1


def test_a_recorded_attempt_is_created_under_its_deterministic_name() -> None:
    decision = plan(started(), observed(), SETTINGS)
    (action,) = decision.actions
    assert isinstance(action, CreateJob)
    assert action.name == "tune-0a1b2c3d-prepare-a1"


def test_a_created_job_has_its_uid_recorded() -> None:
    current, decision = decide(started(), observed(child()))
    assert decision.actions == ()
    assert (step_of(current, "prepare").job_uid, step_of(current, "prepare").state) == (
        "job-prepare-1",
        StepState.RUNNING,
    )
    assert [event.reason for event in decision.events] == ["StepStarted"]


def test_all_steps_run_in_order_and_one_status_write_joins_end_and_beginning() -> None:
    current, created = started(), []
    for name in STEPS:
        (action,) = plan(current, observed(), SETTINGS).actions
        created.append(action.name)
        current, _ = decide(current, observed(child(name)))
        current, _ = decide(current, succeeded(name))
    assert created == [f"tune-0a1b2c3d-{name}-a1" for name in STEPS]
    assert current.status.phase is Phase.COMPLETE
    assert current.status.adapter is not None
    assert current.status.progress is not None
    assert (current.status.progress.summary, current.status.progress.loss) == ("6/6 steps", 2.5)
    for type_ in ("Prepared", "Trained", "Packaged", "Evaluated", "Published", "Complete", "Finished"):
        assert is_true(current.status.conditions, type_), type_


def test_digests_go_from_status_to_the_next_step() -> None:
    (action,) = plan(decide(running("prepare"), succeeded("prepare"))[0], observed(), SETTINGS).actions
    (variable,) = [
        v
        for v in action.manifest["spec"]["template"]["spec"]["containers"][0]["env"]
        if v["name"] == "TUNEWRIGHT_RUN_CONFIG"
    ]
    assert (
        '"inputs":{"prepare":{"manifestURI":"s3://out/prepare/manifest.json","digest":"sha256:aaaa' in variable["value"]
    )


FAILURES = [
    pytest.param(
        {"exit_code": 65}, FailureClass.INVALID_DATA, False, id="exit code 65 is bad data and is not tried again"
    ),
    pytest.param({"exit_code": 67}, FailureClass.STORAGE_DENIED, False, id="exit code 67 is denied storage"),
    pytest.param(
        {"exit_code": 68}, FailureClass.STORAGE_UNAVAILABLE, True, id="exit code 68 is storage away and is tried again"
    ),
    pytest.param({"exit_code": 143}, FailureClass.PREEMPTED, True, id="exit code 143 is a preemption"),
    pytest.param(
        {"exit_code": 1, "disruption": "EvictionByEvictionAPI"},
        FailureClass.PREEMPTED,
        True,
        id="an eviction outweighs the exit code",
    ),
    pytest.param(
        {"exit_code": 137, "termination_reason": "OOMKilled"},
        FailureClass.OUT_OF_MEMORY,
        False,
        id="killed for its memory",
    ),
    pytest.param({"exit_code": 137}, FailureClass.NODE_FAULT, True, id="killed for no reason that is known"),
    pytest.param({"exit_code": 1}, FailureClass.INTERNAL, True, id="an unknown exit code is tried once more"),
    pytest.param({"exit_code": None}, FailureClass.NODE_FAULT, True, id="a failed Job whose pod says nothing"),
]


@pytest.mark.parametrize(("shown", "expected", "again"), FAILURES)
def test_a_failed_attempt_has_a_class_and_a_budget(shown: dict[str, Any], expected: FailureClass, again: bool) -> None:
    current, decision = decide(running("train-sft"), failed("train-sft", **shown))
    step = step_of(current, "train-sft")
    if again:
        assert (step.attempt, step.state, step.retries) == (2, StepState.PENDING, {expected: 1})
        assert decision.status.failure is None
    else:
        assert current.status.phase is Phase.FAILED
        assert current.status.failure is not None
        assert current.status.failure.failure_class is expected
        assert current.status.failure.hint
        assert is_true(current.status.conditions, "Finished")


def test_the_pods_own_words_reach_the_status() -> None:
    said = Failure(
        failure_class=FailureClass.INVALID_DATA, message="rows.jsonl:3: column 'output' is missing", hint="Correct it."
    )
    current, _ = decide(running(), failed("prepare", exit_code=65, termination_message=result("prepare", failure=said)))
    assert current.status.failure is not None
    assert (current.status.failure.message, current.status.failure.node, current.status.failure.exit_code) == (
        said.message,
        "node-1",
        65,
    )


def test_a_budget_that_is_spent_ends_the_run() -> None:
    current = running("prepare", limits={"retries": {"NodeFault": 2}})
    for attempt in (1, 2, 3):
        current, _ = decide(current, failed("prepare", attempt, exit_code=137, seconds=1000 * attempt))
        current, _ = decide(current, observed(child("prepare", attempt + 1), seconds=1000 * attempt + 900))
    assert current.status.phase is Phase.FAILED
    assert step_of(current, "prepare").attempt == 3


def test_a_retry_waits_for_its_time() -> None:
    current, _ = decide(running(), failed("prepare", exit_code=68))
    early = plan(current, observed(seconds=3), SETTINGS)
    assert early.actions == ()
    assert early.requeue_after == pytest.approx(7)
    assert [action.name for action in plan(current, observed(seconds=11), SETTINGS).actions] == [
        "tune-0a1b2c3d-prepare-a2"
    ]


def test_a_vanished_job_is_never_a_success_and_never_created_again() -> None:
    current, _ = decide(running(), observed())
    assert step_of(current, "prepare").attempt == 2
    assert not is_true(current.status.conditions, "Prepared")


def test_a_job_that_vanished_before_its_uid_was_recorded_is_not_created_again() -> None:
    name = step_of(started(), "prepare").job_name
    current, decision = decide(started(), observed(vanished=frozenset({name})))
    assert decision.actions == ()
    assert (step_of(current, "prepare").attempt, step_of(current, "prepare").job_name) == (2, name[:-1] + "2")


def test_a_job_of_the_same_name_with_another_uid_is_not_ours() -> None:
    decision = plan(started(), observed(child(owner_uid="somebody")), SETTINGS)
    assert decision.actions == ()
    stalled = find(decision.status.conditions, "Stalled")
    assert stalled is not None
    assert stalled.status == "True"
    assert "belongs to somebody else" in stalled.message


def test_a_job_that_was_made_again_under_its_name_is_not_the_attempt() -> None:
    """Somebody deleted the Job and restored it from a backup: what it does now is not what was recorded."""
    again = child(uid="another", complete=True)
    ended = pod(job_uid="another", phase="Succeeded", exit_code=0, termination_message=result())
    current, decision = decide(running(), observed(again, pods=(ended,)))
    step = step_of(current, "prepare")
    assert (step.attempt, step.state, decision.actions) == (2, StepState.PENDING, ())
    assert step.retries == {FailureClass.NODE_FAULT: 1}


@pytest.mark.parametrize(
    "left",
    [
        pytest.param("", id="nothing"),
        pytest.param('{"step": "prep', id="cut"),
        pytest.param(RunResult(step="prepare", attempt=1).model_dump_json(by_alias=True), id="without-a-digest"),
        pytest.param(result("train-sft"), id="of-another-step"),
    ],
)
def test_a_lost_result_runs_the_step_once_more(left: str) -> None:
    ended = pod(phase="Succeeded", exit_code=0, termination_message=left)
    current, _ = decide(running(), observed(child(complete=True), pods=(ended,)))
    assert (step_of(current, "prepare").attempt, step_of(current, "prepare").state) == (2, StepState.PENDING)


def test_suspend_deletes_in_order_and_resume_costs_nothing() -> None:
    current = running("train-sft")
    suspended = job(current.status.to_wire(), suspend=True)
    stopping = plan(suspended, observed(child("train-sft")), SETTINGS)
    assert stopping.actions == (DeleteJob("tune-0a1b2c3d-train-sft-a1", "job-train-sft-1"),)
    assert not is_true(stopping.status.conditions, "Suspended")
    waiting = plan(
        job(stopping.status.to_wire(), suspend=True), observed(child("train-sft", deleting=True), seconds=5), SETTINGS
    )
    assert waiting.actions == ()
    rest = plan(job(waiting.status.to_wire(), suspend=True), observed(seconds=10), SETTINGS)
    assert rest.status.phase is Phase.SUSPENDED
    assert rest.actions == ()
    again = plan(job(rest.status.to_wire()), observed(seconds=110), SETTINGS)
    assert again.status.suspended_seconds == 100
    step = next(step for step in again.status.steps if step.name == "train-sft")
    assert (step.attempt, step.state, step.retries) == (2, StepState.PENDING, {})


def test_an_object_that_is_made_suspended_begins_when_it_is_resumed() -> None:
    first = plan(job(suspend=True), observed(), SETTINGS)
    assert (first.status.phase, first.status.steps, first.actions) == (Phase.SUSPENDED, [], ())
    assert [event.reason for event in first.events] == ["Suspended"]
    again = plan(job(first.status.to_wire()), observed(seconds=50), SETTINGS)
    assert [(step.name, step.attempt) for step in again.status.steps] == [("prepare", 1)]
    assert again.status.suspended_seconds == 50


def test_an_object_that_is_made_cancelled_never_begins() -> None:
    decision = plan(job(cancel=True), observed(), SETTINGS)
    assert (decision.status.phase, decision.status.steps, decision.actions) == (Phase.CANCELLED, [], ())


def test_a_long_wait_is_looked_at_rarely_and_a_short_one_or_a_running_pod_often() -> None:
    waiting, decision = decide(started(), observed(child()))
    assert decision.requeue_after == SETTINGS.poll_seconds
    waiting, decision = decide(waiting, observed(child(), seconds=60))
    assert decision.requeue_after == LONG_WAIT_SECONDS
    _, decision = decide(waiting, observed(child(), pods=(pod(),), seconds=60))
    assert decision.requeue_after == SETTINGS.poll_seconds


def test_a_deadline_of_a_wait_is_kept_however_rarely_it_is_looked_at() -> None:
    limits = {"limits": {"queueDeadline": "40s"}}
    waiting, _ = decide(job(started().status.to_wire(), **limits), observed(child()))
    _, decision = decide(job(waiting.status.to_wire(), **limits), observed(child(), seconds=35))
    assert decision.requeue_after == 5


def test_cancel_is_final_until_the_run_attempt_is_raised() -> None:
    current = running("train-sft")
    stopping = plan(job(current.status.to_wire(), cancel=True), observed(child("train-sft")), SETTINGS)
    assert [type(action) for action in stopping.actions] == [DeleteJob]
    done = plan(job(stopping.status.to_wire(), cancel=True), observed(), SETTINGS)
    assert done.status.phase is Phase.CANCELLED
    assert is_true(done.status.conditions, "Finished")
    still = plan(job(done.status.to_wire(), cancel=False), observed(), SETTINGS)
    assert still.status.phase is Phase.CANCELLED
    anew = plan(job(done.status.to_wire(), cancel=False, runAttempt=2), observed(), SETTINGS)
    assert anew.status.run_id == "r2-0a1b2c3d"
    prepare = next(step for step in anew.status.steps if step.name == "prepare")
    assert (prepare.attempt, prepare.state) == (2, StepState.PENDING), "names of an earlier run are not used again"


def test_a_deadline_leaves_suspension_out() -> None:
    status = running("train-sft").status.model_copy(update={"suspended_seconds": 3600})
    inside = plan(
        job(status.to_wire(), limits={"runDeadline": "1h"}), observed(child("train-sft"), seconds=7000), SETTINGS
    )
    assert inside.actions == ()
    late = plan(
        job(status.to_wire(), limits={"runDeadline": "1h"}), observed(child("train-sft"), seconds=7300), SETTINGS
    )
    assert [type(action) for action in late.actions] == [DeleteJob]
    over = plan(job(late.status.to_wire(), limits={"runDeadline": "1h"}), observed(seconds=7310), SETTINGS)
    assert over.status.failure is not None
    assert over.status.failure.failure_class is FailureClass.DEADLINE_EXCEEDED


def test_an_invalid_spec_fails_before_any_job() -> None:
    broken = job(
        stages=[
            {"name": "sft", "method": "SFT", "dataset": {"uri": "s3://d/f"}, "trainingArguments": {"push_to_hub": True}}
        ]
    )
    decision = plan(broken, observed(), SETTINGS)
    assert decision.actions == ()
    assert decision.status.failure is not None
    assert decision.status.failure.failure_class is FailureClass.INVALID_SPEC
    assert "trainingArguments.push_to_hub cannot be set" in decision.status.failure.message


WAITS = [
    pytest.param(
        {"unscheduled_message": "0/3 nodes: Insufficient nvidia.com/gpu"},
        "WaitingForNode",
        "Insufficient nvidia.com/gpu",
        id="no node has a GPU",
    ),
    pytest.param(
        {"waiting_reason": "ErrImagePull", "waiting_message": "not found"},
        "WaitingForImage",
        "not found",
        id="the image does not come",
    ),
    pytest.param({"phase": "Running"}, "PodsRunning", "runs", id="the pod runs"),
]


@pytest.mark.parametrize(("shown", "reason", "words"), WAITS)
def test_a_wait_is_told_in_the_words_of_whoever_knows(shown: dict[str, Any], reason: str, words: str) -> None:
    decision = plan(running(), observed(child(), pods=(pod(**{"phase": "Pending", **shown}),)), SETTINGS)
    admitted = find(decision.status.conditions, "Admitted")
    assert admitted is not None
    assert admitted.reason == reason
    assert words in admitted.message


def test_an_image_that_never_comes_fails_the_run_after_the_patience() -> None:
    stuck = pod(phase="Pending", waiting_reason="ImagePullBackOff", waiting_message="manifest unknown")
    current, decision = decide(running(), observed(child(), pods=(stuck,), seconds=400))
    assert decision.actions == (), "why it is deleted is stored first"
    current, decision = decide(current, observed(child(), pods=(stuck,), seconds=401))
    assert decision.actions == (DeleteJob("tune-0a1b2c3d-prepare-a1", "job-prepare-1"),)
    current, _ = decide(current, observed(seconds=410))
    assert current.status.failure is not None
    assert current.status.failure.failure_class is FailureClass.IMAGE_PULL
    assert "manifest unknown" in current.status.failure.message


def test_a_pod_stuck_on_a_dead_node_does_not_hold_the_run() -> None:
    stuck = pod("train-sft", deletion_deadline=NOW)
    current, _ = decide(running("train-sft"), observed(child("train-sft"), pods=(stuck,), seconds=301))
    assert step_of(current, "train-sft").retries == {FailureClass.NODE_FAULT: 1}


def test_a_pod_stuck_on_a_dead_node_holds_up_neither_a_cancellation_nor_a_new_run() -> None:
    stuck = pod("train-sft", deletion_deadline=NOW)
    held = observed(child("train-sft", deleting=True), pods=(stuck,), seconds=301)
    wire = running("train-sft").status.to_wire()
    patient = observed(child("train-sft", deleting=True), pods=(stuck,), seconds=300)
    assert plan(job(wire, cancel=True), patient, SETTINGS).status.phase is Phase.RUNNING
    cancelled = plan(job(wire, cancel=True), held, SETTINGS)
    assert cancelled.status.phase is Phase.CANCELLED
    anew = plan(job(cancelled.status.to_wire(), runAttempt=2), held, SETTINGS)
    assert (anew.status.run_id, anew.actions) == ("r2-0a1b2c3d", ())


def test_a_finished_run_is_never_touched_again() -> None:
    current = running("publish")
    current, _ = decide(current, succeeded("publish"))
    assert current.status.phase is Phase.COMPLETE
    decision = plan(current, observed(seconds=10_000), SETTINGS)
    assert (decision.status, decision.actions, decision.requeue_after) == (current.status, (), None)


def test_a_deleted_object_is_left_to_the_garbage_collector() -> None:
    from builders import raw_job
    from tunewright_operator.core.parse import parse_job_object

    body = raw_job()
    body["metadata"]["deletionTimestamp"] = "2026-01-31T12:00:00Z"
    assert plan(parse_job_object(body), observed(), SETTINGS).actions == ()


def test_job_names_stay_within_63_characters() -> None:
    from tunewright_api import names

    assert len(names.child_name("n" * 30, UID, names.train_step("s" * 12), 999)) <= 63


def test_a_column_of_a_complete_run_shows_a_loss_that_can_be_read() -> None:
    figures = {"lastLoss": 0.6473426818847656}
    step = StepStatus(name="train-sft", state=StepState.SUCCEEDED, attempt=1, job_name="j", figures=figures)
    assert whole_progress(FineTuneJobStatus(steps=[step])).loss == 0.6473
