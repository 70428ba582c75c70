"""What is still known when pods and Jobs are gone, and which nodes the next attempt keeps away from."""

import json
import logging
from typing import Any

import pytest

from builders import NOW, SETTINGS, STEPS, child, failed, job, observed, pod, succeeded
from driven_plan import decide, running, step_of
from tunewright_api.failures import FailureClass
from tunewright_api.redaction import redacted
from tunewright_api.run import RunResult, termination_message
from tunewright_api.status import MOST_ATTEMPTS, AttemptOutcome, AttemptRecord, Failure
from tunewright_operator.core.plan import plan
from tunewright_operator.core.types import CreateJob, DeleteJob, FineTuneJob
from tunewright_trainer.shell.log_tail import LogTail

SAID = Failure(failure_class=FailureClass.DIVERGED, message="the loss of step 3 is nan")


def told(log: str) -> str:
    return RunResult(step="train-sft", attempt=1, failure=SAID, log=log).model_dump_json(by_alias=True)


def test_each_attempt_is_recorded_when_it_is_over() -> None:
    current, _ = decide(running("train-sft"), failed("train-sft", exit_code=143, seconds=60))
    current, _ = decide(current, observed(child("train-sft", 2), seconds=62))
    current, _ = decide(current, succeeded("train-sft", 2, seconds=90))
    assert [(r.step, r.attempt, str(r.outcome), r.failure_class, r.exit_code, r.node) for r in current.status.attempts] == [
        ("prepare", 1, "Succeeded", None, 0, "node-1"),
        ("train-sft", 1, "Failed", FailureClass.PREEMPTED, 143, "node-1"),
        ("train-sft", 2, "Succeeded", None, 0, "node-1"),
    ]  # fmt: skip
    assert (current.status.attempts[1].started, current.status.attempts[1].finished) == (
        "2026-01-31T12:00:00Z",
        "2026-01-31T12:01:00Z",
    )


def test_a_stopped_attempt_says_by_whose_wish() -> None:
    current = running("train-sft")
    suspended = plan(job(current.status.to_wire(), suspend=True), observed(seconds=5), SETTINGS)
    assert suspended.status.attempts[-1] == AttemptRecord(
        step="train-sft",
        attempt=1,
        outcome=AttemptOutcome.STOPPED,
        started="2026-01-31T12:00:00Z",
        finished="2026-01-31T12:00:05Z",
        message="Stopped by spec.suspend.",
    )


def test_history_goes_on_over_runs_and_is_bounded() -> None:
    records = [AttemptRecord(step="package", attempt=n, outcome=AttemptOutcome.FAILED) for n in range(MOST_ATTEMPTS)]
    current, _ = decide(running("publish"), succeeded("publish"))
    full = current.status.model_copy(update={"attempts": records})
    again, _ = decide(job(full.to_wire(), runAttempt=2), observed())
    assert len(again.status.attempts) == MOST_ATTEMPTS
    again, _ = decide(job(again.status.to_wire(), runAttempt=2), observed(child("prepare", 2)))
    done = plan(job(again.status.to_wire(), runAttempt=2), succeeded("prepare", 2), SETTINGS).status.attempts
    assert (len(done), done[0].attempt, done[-1].attempt) == (MOST_ATTEMPTS, 1, 2)


LAST_WORDS = [
    pytest.param({"exit_code": 70, "termination_message": told("12:00:01 ERROR The step failed")}, "12:00:01 ERROR The step failed", id="as the pod told them"),
    pytest.param({"exit_code": 139, "termination_message": json.dumps({"level": "INFO", "message": "Step started", "row": "private"}) + '\nSay hello to Ann\nFatal Python error: Segmentation fault\n  File "torch/autograd.py", line 3 in backward'}, 'INFO Step started\nFatal Python error: Segmentation fault\n  File "torch/autograd.py", line 3 in backward', id="of a crash what the kubelet kept, and no plain line that may be data"),
    pytest.param({"exit_code": 70, "termination_message": told("password=hunter2 by ann@example.org")}, "password=*** by ***", id="masked even if the pod did not"),
    pytest.param({"exit_code": 137}, "", id="nothing, if nothing was kept"),
]  # fmt: skip


@pytest.mark.parametrize(("shown", "log"), LAST_WORDS)
def test_the_last_words_of_a_failed_attempt_are_kept(shown: dict[str, Any], log: str) -> None:
    current, _ = decide(running("train-sft"), failed("train-sft", **shown))
    assert current.status.attempts[-1].log == log


def test_a_long_message_is_cut_and_the_failure_keeps_the_whole() -> None:
    long = SAID.model_copy(update={"message": "m" * 4000})
    message = RunResult(step="train-sft", attempt=1, failure=long).model_dump_json(by_alias=True)
    current, _ = decide(running("train-sft"), failed("train-sft", exit_code=70, termination_message=message))
    assert len(current.status.attempts[-1].message) == 500
    assert current.status.failure is not None
    assert len(current.status.failure.message) == 4000


MASKED = [
    pytest.param("GET https://user:pa55@host/x", "GET https://***@host/x", id="a URL with a password"),
    pytest.param("Authorization: Bearer abc.def", "Authorization: Bearer ***", id="a bearer token"),
    pytest.param("AWS_SECRET_ACCESS_KEY=abc/def+1 next", "AWS_SECRET_ACCESS_KEY=*** next", id="a key by its name"),
    pytest.param('{"api_key": "abc", "a": 1}', '{"api_key": "***", "a": 1}', id="a key in JSON"),
    pytest.param("?X-Amz-Signature=abc123&x=1", "?X-Amz-Signature=***&x=1", id="a signed URL"),
    pytest.param("AKIAABCDEFGHIJKLMNOP and hf_abcdefghijklmnopqrst", "*** and ***", id="keys by their shape"),
    pytest.param("ask ann.b@mail.example.org.", "ask ***.", id="an address"),
    pytest.param("wJalrXUtnFEMI7MDENGbPxRfiCYEXAMPLEKEY", "***", id="something long and random"),
    pytest.param("sha256:" + "ab12" * 16, "sha256:" + "ab12" * 16, id="a digest stays"),
    pytest.param("s3://out/adapters/team-a/tune/r1-0a1b2c3d/train-sft/a1-1234abcd/checkpoint-10", "s3://out/adapters/team-a/tune/r1-0a1b2c3d/train-sft/a1-1234abcd/checkpoint-10", id="a URI stays"),
    pytest.param("12:00:01 INFO Step started, 23 tokens", "12:00:01 INFO Step started, 23 tokens", id="a sentence stays"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "shown"), MASKED)
def test_secrets_and_addresses_are_masked(line: str, shown: str) -> None:
    assert redacted(line) == shown


def record(name: str, level: int, message: str, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord(name, level, __file__, 1, message, None, info)


def test_the_tail_has_our_lines_their_warnings_and_where_an_error_came_from() -> None:
    tail = LogTail()
    tail.emit(record("tunewright_trainer.step", logging.INFO, "Step started"))
    tail.emit(record("datasets", logging.INFO, "row 17: hello Ann"))
    tail.emit(record("urllib3", logging.WARNING, "retrying with token=abc\nsecond line"))
    try:
        raise ValueError("a row's content")
    except ValueError as error:
        tail.emit(record("tunewright_trainer.step", logging.ERROR, "The step failed", error))
    lines = [line if line.startswith("  ") else line.split(" ", 1)[1] for line in tail.text().splitlines()]
    assert lines[:3] == ["INFO Step started", "WARNING retrying with token=***", "ERROR The step failed"]
    assert lines[3].startswith("  tests/unit/test_history.py:")
    assert "content" not in tail.text()


def test_the_tail_is_short_and_keeps_the_newest() -> None:
    tail = LogTail()
    for number in range(100):
        tail.emit(record("tunewright_trainer", logging.INFO, f"{number} " + "x" * 500))
    assert len(tail.text()) <= 900
    assert " 99 x" in tail.text().splitlines()[-1]


def test_a_message_that_is_too_long_gives_up_the_log_before_the_checkpoint() -> None:
    full = RunResult(
        step="train-sft", attempt=1, failure=SAID.model_copy(update={"message": "m" * 3500}), log="l" * 900
    )
    assert RunResult.model_validate_json(termination_message(full)).log == ""
    short = full.model_copy(update={"failure": SAID})
    assert RunResult.model_validate_json(termination_message(short)).log == "l" * 900


def attempts(current: FineTuneJob, *shown: dict[str, Any]) -> FineTuneJob:
    """Attempts of training that fail one after the other."""
    for number, changes in enumerate(shown, start=1):
        current, _ = decide(current, observed(child("train-sft", number), seconds=1000 * number))
        current, _ = decide(current, failed("train-sft", number, seconds=1000 * number + 1, **changes))
    return current


EXCLUDED = [
    pytest.param([{"exit_code": 137, "node": "a"}], [], id="not one on which a process was killed once"),
    pytest.param([{"exit_code": 137, "node": "a"}, {"exit_code": 137, "node": "a"}], ["a"], id="one on which it was killed twice"),
    pytest.param([{"exit_code": 71, "node": "a"}], ["a"], id="a node on which it hung"),
    pytest.param([{"exit_code": 143, "node": "a"}, {"exit_code": 143, "node": "a"}], [], id="never one that only took its room back"),
    pytest.param([{"exit_code": 68, "node": "a"}], [], id="not one on which storage was away once"),
    pytest.param([{"exit_code": 68, "node": "a"}, {"exit_code": 68, "node": "a"}], ["a"], id="one on which it was away twice"),
    pytest.param([{"exit_code": 68, "node": "a"}, {"exit_code": 68, "node": "b"}], [], id="not two on which it was away once each"),
    pytest.param([{"exit_code": 71, "node": "a"}, {"exit_code": 71, "node": "b"}], ["a", "b"], id="two nodes"),
    pytest.param([{"exit_code": 137, "node": None}], [], id="nothing, if the node is not known"),
    pytest.param([{"exit_code": 71, "node": f"n{n}"} for n in range(9)], [f"n{n}" for n in range(1, 9)], id="the newest eight"),
]  # fmt: skip


@pytest.mark.parametrize(("shown", "nodes"), EXCLUDED)
def test_the_next_attempt_keeps_away_from_a_node_that_was_at_fault(
    shown: list[dict[str, Any]], nodes: list[str]
) -> None:
    limits = {"retries": {"NodeFault": 99, "Hang": 99, "StorageUnavailable": 99}}
    current = attempts(running("train-sft", limits=limits), *shown)
    assert step_of(current, "train-sft").excluded_nodes == nodes
    (action,) = plan(current, observed(seconds=90_000), SETTINGS).actions
    assert isinstance(action, CreateJob)
    affinity = action.manifest["spec"]["template"]["spec"].get("affinity")
    if not nodes:
        assert affinity is None
        return
    expression = {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": sorted(nodes)}
    terms = [{"matchExpressions": [expression]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    assert affinity == {"nodeAffinity": required}


def test_an_exclusion_survives_a_suspension_and_ends_with_the_run() -> None:
    current = attempts(running("train-sft"), {"exit_code": 71, "node": "a"})
    current, _ = decide(current, observed(child("train-sft", 2), seconds=2000))
    rest = plan(job(current.status.to_wire(), suspend=True), observed(seconds=2001), SETTINGS)
    assert next(step for step in rest.status.steps if step.name == "train-sft").excluded_nodes == ["a"]
    cancelled = plan(job(rest.status.to_wire(), cancel=True), observed(seconds=2002), SETTINGS)
    anew = plan(job(cancelled.status.to_wire(), runAttempt=2), observed(seconds=2003), SETTINGS)
    assert [step.excluded_nodes for step in anew.status.steps] == [[]] * 2


def test_a_node_is_used_again_when_no_other_has_had_room_for_long() -> None:
    current = attempts(running("train-sft"), {"exit_code": 71, "node": "only"})
    waits = pod("train-sft", 2, phase="Pending", node=None, unscheduled_message="0/1 nodes are available", created=NOW)
    current, decision = decide(current, observed(child("train-sft", 2), pods=(waits,), seconds=299))
    assert step_of(current, "train-sft").excluded_nodes == ["only"]
    current, decision = decide(current, observed(child("train-sft", 2), pods=(waits,), seconds=300))
    assert [(event.reason, event.message) for event in decision.events] == [
        ("NodesAllowedAgain", "Step train-sft, attempt 2: no other node has room, so only may be used again.")
    ]
    current, decision = decide(current, observed(child("train-sft", 2), pods=(waits,), seconds=301))
    assert [type(action) for action in decision.actions] == [DeleteJob]
    current, _ = decide(current, observed(seconds=302))
    step = step_of(current, "train-sft")
    assert (step.attempt, step.excluded_nodes, step.retries) == (3, [], {FailureClass.HANG: 1})
    assert step.waiting_since == "2026-01-31T12:16:51Z", "the wait goes on"


def test_steps_of_a_run_that_went_well_have_nothing_to_tell() -> None:
    current = running("publish")
    current, _ = decide(current, succeeded("publish"))
    assert [(r.step, r.message, r.log) for r in current.status.attempts] == [(step, "", "") for step in STEPS]
