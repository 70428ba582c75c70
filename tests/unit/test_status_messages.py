"""Every sentence that a status can carry, held to docs/status-messages.md."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import NOW, SETTINGS, child, failed, job, observed, pod, result, succeeded
from driven_plan import decide, running, started
from message_style import faults, leading
from tunewright_api.conditions import Condition, Reason
from tunewright_api.failures import FAILURES, FailureClass
from tunewright_api.run import ProgressReport
from tunewright_api.status import Failure, FineTuneJobStatus, Phase, Progress
from tunewright_operator.core.plan import plan
from tunewright_operator.core.types import FineTuneJob, Observed

GUIDE = Path(__file__).parents[2] / "docs" / "status-messages.md"
OF_MONITORS = {"Deployed", "Deploying", "ProbeSucceeded", "ProbeFailed", "ReportUnavailable", "Drift", "NoDrift", "InsufficientData"}  # fmt: skip
QUEUE = {"limits": {"queueDeadline": "30m"}, "compute": {"queueName": "team-a"}}
TRAINING = pod("train-sft", started=NOW + timedelta(seconds=60))
FIGURES = Progress(step="train-sft", global_step=23, total_steps=40, summary="sft 23/40", loss=1.93, eta_seconds=720)
BAD_ROW = Failure(
    failure_class=FailureClass.INVALID_DATA,
    message="s3://data/sft.jsonl:3: column 'completion' is missing",
    hint=FAILURES[FailureClass.INVALID_DATA].hint,
)


def after_seeing(current: FineTuneJob, seen: Observed) -> FineTuneJobStatus:
    return decide(current, seen)[0].status


def with_change(seen: Observed, **fields: Any) -> FineTuneJobStatus:
    """Training runs, and the user changes the spec."""
    return plan(job(running("train-sft").status.to_wire(), **fields), seen, SETTINGS).status


def pending(**shown: Any) -> FineTuneJobStatus:
    """The pod of prepare does not run yet."""
    return after_seeing(running(), observed(child(), pods=(pod(phase="Pending", **shown),)))


def at_work(seconds: float, **seen: Any) -> FineTuneJobStatus:
    return after_seeing(running("train-sft"), observed(child("train-sft"), pods=(TRAINING,), seconds=seconds, **seen))


def refused(words: str) -> dict[str, str]:
    return {child().name: words}


SENTENCES: list[Any] = [
    pytest.param(lambda: started().status, "WaitingForStep", "Step prepare, attempt 1, has been next since 2026-01-31T12:00:00Z. It goes on when its Job has been created.", id="a step is next"),
    pytest.param(lambda: after_seeing(running(**QUEUE), observed(child(suspended=True), refusals=refused("couldn't assign flavors to pod set main: insufficient quota for nvidia.com/gpu"))), "WaitingInQueue", "Step prepare has waited since 2026-01-31T12:00:00Z in queue team-a: couldn't assign flavors to pod set main: insufficient quota for nvidia.com/gpu. It goes on when its Job is admitted, and is given up at 2026-01-31T12:30:00Z (spec.limits.queueDeadline).", id="a queue has no room"),
    pytest.param(lambda: after_seeing(running(), observed(child(suspended=True))), "WaitingInQueue", "Step prepare has waited since 2026-01-31T12:00:00Z for its Job to be resumed by whoever suspended it. It goes on when its Job is admitted.", id="somebody has suspended the Job"),
    pytest.param(lambda: after_seeing(running(), observed(child())), "WaitingForNode", "Step prepare has waited since 2026-01-31T12:00:00Z for its pod. It goes on when the Job controller has created the pod.", id="there is no pod yet"),
    pytest.param(lambda: pending(node=None), "WaitingForNode", "Step prepare has waited since 2026-01-31T12:00:00Z for the scheduler to choose a node. It goes on when the pod runs.", id="the scheduler has said nothing yet"),
    pytest.param(lambda: pending(node=None, unscheduled_message="0/3 nodes are available: 3 Insufficient nvidia.com/gpu."), "WaitingForNode", "Step prepare has waited since 2026-01-31T12:00:00Z for a node: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu. It goes on when a node has room for it.", id="no node has room"),
    pytest.param(lambda: pending(waiting_reason="ImagePullBackOff", waiting_message='Back-off pulling image "trainer:1"'), "WaitingForImage", 'Step prepare has waited since 2026-01-31T12:00:00Z for its image: ImagePullBackOff: Back-off pulling image "trainer:1". It goes on when the image has been pulled, and is given up at 2026-01-31T12:05:00Z.', id="the image does not come"),
    pytest.param(lambda: pending(waiting_reason="ContainerCreating"), "PodStarting", "Step prepare has waited since 2026-01-31T12:00:00Z for its pod to start on node node-1. It goes on when the pod runs.", id="the pod starts"),
    pytest.param(lambda: after_seeing(running(), observed(child(), pods=(pod(phase="Pending", waiting_reason="ContainerCreating"),), refusals=refused('MountVolume.SetUp failed for volume "storage" : secret "s3" not found'))), "PodStarting", 'Step prepare has waited since 2026-01-31T12:00:00Z for its pod to start on node node-1: MountVolume.SetUp failed for volume "storage" : secret "s3" not found. It goes on when the pod runs.', id="a Secret is missing"),
    pytest.param(lambda: after_seeing(running(), observed(child(), refusals=refused("exceeded quota: gpus"))), "CreationRefused", "Step prepare has waited since 2026-01-31T12:00:00Z while the cluster refuses the pod: exceeded quota: gpus. It goes on when the cluster lets it in, and is tried again by itself until then.", id="a quota refuses the pod"),
    pytest.param(lambda: after_seeing(started(), observed(child(owner_uid="somebody"))), "CreationRefused", "Step prepare has waited since 2026-01-31T12:00:00Z for the name tune-0a1b2c3d-prepare-a1: a Job of that name exists and belongs to somebody else. It goes on when that Job is gone: delete it, or delete this FineTuneJob.", id="the name is taken"),
    pytest.param(lambda: at_work(60), "StepRunning", "Step train-sft, attempt 1, has run on node node-1 since 2026-01-31T12:01:00Z. The next step follows when it has succeeded.", id="the pod runs"),
    pytest.param(lambda: at_work(600, progress=ProgressReport(progress=FIGURES)), "StepRunning", "Step train-sft, attempt 1, has run on node node-1 since 2026-01-31T12:01:00Z: sft 23/40, loss 1.93. By its speed so far it ends at about 2026-01-31T12:22:00Z.", id="the pod tells how far it is"),
    pytest.param(lambda: at_work(600, progress_silence_seconds=60), "ProgressUnavailable", "Step train-sft, attempt 1, has run on node node-1 since 2026-01-31T12:01:00Z, but does not answer the operator at port 8080: there is no progress to show, and spec.limits.noProgressDeadline does not count. The run goes on; check that network policies let the operator in.", id="the pod cannot be asked"),
    pytest.param(lambda: after_seeing(running(), observed(child(), pods=(pod(phase="Succeeded", exit_code=0),))), "StepRunning", "Step prepare, attempt 1, has ended on node node-1. The next step follows when its Job has taken note.", id="the pod has ended before its Job"),
    pytest.param(lambda: after_seeing(running(), failed("prepare", exit_code=68)), "WaitingForRetry", "Step prepare is tried again after StorageUnavailable: the pod ended with exit code 68 and left no message. Attempt 2 starts at 2026-01-31T12:00:10Z.", id="another attempt follows"),
    pytest.param(lambda: after_seeing(running(), observed(child(deleting=True), pods=(pod(deletion_deadline=NOW + timedelta(seconds=120)),))), "Stopping", "Step prepare, attempt 1, is being stopped: its Job was deleted. What follows begins when its pod has saved and ended, at the latest at 2026-01-31T12:02:00Z.", id="somebody has deleted the Job"),
    pytest.param(lambda: after_seeing(running(), observed(child(), pods=(pod(phase="Pending", waiting_reason="InvalidImageName", waiting_message="bad"),))), "ImagePull", "Step prepare, attempt 1, is being stopped: the image cannot be pulled: InvalidImageName: bad. What follows begins when its pod has saved and ended.", id="a hopeless attempt is given up"),
    pytest.param(lambda: with_change(observed(child("train-sft"), pods=(TRAINING,)), suspend=True), "Suspending", "Step train-sft, attempt 1, is being stopped: spec.suspend says so. What follows begins when its pod has saved and ended.", id="the user suspends"),
    pytest.param(lambda: with_change(observed(), suspend=True), "SuspendedByUser", "The run has been suspended since 2026-01-31T12:00:00Z: no pod runs, and its deadlines stand still. It goes on from its last checkpoint when spec.suspend is false.", id="the user has suspended"),
    pytest.param(lambda: with_change(observed(), cancel=True), "Cancelled", "The run was cancelled at 2026-01-31T12:00:00Z, and no pod of it runs. Set spec.cancel to false and raise spec.runAttempt in one change to run it again.", id="the user has cancelled"),
    pytest.param(lambda: after_seeing(running(), failed("prepare", exit_code=65, termination_message=result("prepare", failure=BAD_ROW))), "InvalidData", "The run failed at 2026-01-31T12:00:00Z in step prepare, attempt 1: s3://data/sft.jsonl:3: column 'completion' is missing. Correct the rows named in the message, upload the file again and raise spec.runAttempt.", id="the run has failed"),
    pytest.param(lambda: with_change(observed(seconds=7200), limits={"runDeadline": "1h"}), "DeadlineExceeded", "The run failed at 2026-01-31T14:00:00Z in step train-sft: the run has taken longer than spec.limits.runDeadline (1h). Raise spec.limits.runDeadline, then raise spec.runAttempt.", id="the run took too long"),
    pytest.param(lambda: after_seeing(running("publish"), succeeded("publish")), "Completed", "The run was complete at 2026-01-31T12:00:00Z. Its adapter is at s3://out/a.", id="the run is complete"),
]  # fmt: skip
Build = Callable[[], FineTuneJobStatus]


def first(status: FineTuneJobStatus) -> Condition:
    found = leading(status)
    assert found is not None
    return found


@pytest.mark.parametrize(("build", "reason", "sentence"), SENTENCES)
def test_the_leading_condition_says_what_happens_since_when_and_what_ends_it(
    build: Build, reason: str, sentence: str
) -> None:
    status = build()
    assert (first(status).reason, first(status).message) == (reason, sentence)
    assert faults(status) == []


def test_every_reason_is_in_the_table_above() -> None:
    told = {condition.reason for case in SENTENCES for condition in case.values[0]().conditions}
    assert set(Reason) - told == OF_MONITORS


@pytest.mark.parametrize("failure_class", FailureClass)
def test_the_end_of_each_failure_class_keeps_the_rules(failure_class: FailureClass) -> None:
    said = Failure(failure_class=failure_class, message="something was wrong.", hint=FAILURES[failure_class].hint)
    limits = {"retries": {failure_class: 0}}
    shown = {"exit_code": FAILURES[failure_class].exit_code or 1, "termination_message": result(failure=said)}
    status = after_seeing(running(limits=limits), failed("prepare", **shown))
    assert (status.phase, first(status).reason) == (Phase.FAILED, failure_class)
    assert faults(status) == []


@pytest.mark.parametrize(
    "sentence", [pytest.param(case.values[2], id=case.id) for case in SENTENCES if case.values[1] != "DeadlineExceeded"]
)
def test_the_guide_has_the_sentence(sentence: str) -> None:
    assert sentence in GUIDE.read_text()


RULES = [
    pytest.param("waiting for a node.", "capital", id="no capital letter"),
    pytest.param("It waits for a node", "capital", id="no full stop"),
    pytest.param("It waits.. for a node.", "two full stops", id="two full stops"),
    pytest.param("It has waited for 5 minutes.", "duration", id="a duration"),
    pytest.param("Please wait.", "speaks to nobody", id="manners") ,
    pytest.param("Step prepare has waited for a node.", "since when", id="a wait without since and end"),
]  # fmt: skip


@pytest.mark.parametrize(("message", "fault"), RULES)
def test_the_rules_can_be_broken(message: str, fault: str) -> None:
    """Otherwise the tests above would hold nothing to them."""
    condition = Condition(type="Reconciling", status="True", reason="WaitingForNode", message=message.replace("Please", "Now please"), last_transition_time="2026-01-31T12:00:00Z")  # fmt: skip
    assert any(fault in found for found in faults(FineTuneJobStatus(conditions=[condition])))
