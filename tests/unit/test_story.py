"""What `tunewright describe` prints."""

from datetime import timedelta

from builders import NOW, SETTINGS, child, failed, job, observed, pod, raw_job, succeeded
from driven_plan import decide, running
from tunewright_api.failures import FAILURES, FailureClass
from tunewright_api.run import ProgressReport, RunResult
from tunewright_api.status import Checkpoint, DatasetStatus, Failure, FineTuneJobStatus, Progress
from tunewright_cli.story import Told, parse_events, story
from tunewright_operator.core.plan import plan


def told(status: FineTuneJobStatus, *events: Told, **changes: object) -> str:
    return story(raw_job(status.to_wire(), **changes), list(events))


def training_again() -> FineTuneJobStatus:
    """The first attempt's node was at fault, the second trains."""
    current, _ = decide(running("train-sft"), failed("train-sft", exit_code=137, seconds=60))
    shown = pod("train-sft", 2, started=NOW + timedelta(seconds=90), node="node-2")
    uri = "s3://out/adapters/team-a/tune/r1-0a1b2c3d/train-sft/a1-1234abcd/checkpoint-20"
    saved = Checkpoint(step="train-sft", global_step=20, uri=uri, digest="sha256:" + "b" * 64)
    figures = Progress(step="train-sft", attempt=2, summary="sft 23/40", loss=1.93, eta_seconds=720)
    report = ProgressReport(progress=figures, checkpoint=saved)
    current, _ = decide(current, observed(child("train-sft", 2), pods=(shown,), seconds=120, progress=report))
    return current.status.model_copy(update={"dataset": DatasetStatus(rows=60, train=48, validation=6, test=6)})


def test_a_run_reads_like_a_story() -> None:
    events = parse_events(
        [
            {"lastTimestamp": "2026-01-31T12:01:00Z", "reason": "NodeFault", "message": "Attempt 2 follows."},
            {"lastTimestamp": "2026-01-31T12:00:00Z", "reason": "RunStarted", "message": "Run r1-0a1b2c3d began."},
        ]
    )
    text = told(training_again(), *events)
    assert (
        text.split("\nConditions\n")[0]
        == """\
FineTuneJob tune in namespace team-a: Running

Step train-sft, attempt 2, has run on node node-2 since 2026-01-31T12:01:30Z: sft 23/40, loss 1.93. By its
speed so far it ends at about 2026-01-31T12:14:00Z.

Run
  r1-0a1b2c3d, begun 2026-01-31T12:00:00Z
  60 rows: 48 to train on, 6 to watch, 6 to evaluate with

Steps
  prepare            Succeeded  attempt 1; 2026-01-31T12:00:00Z to 2026-01-31T12:00:00Z
  train-sft          Running    attempt 2; 2026-01-31T12:02:00Z; tried again after 1 x NodeFault

Attempts that are over
  2026-01-31T12:00:00Z  prepare 1          Succeeded on node-1
  2026-01-31T12:01:00Z  train-sft 1        Failed NodeFault on node-1, exit code 137: the pod was killed (exit
                        code 137) and not for its memory

Checkpoints
  train-sft  step 20  s3://out/adapters/team-a/tune/r1-0a1b2c3d/train-sft/a1-1234abcd/checkpoint-20
"""
    )
    assert text.endswith("""
Events
  2026-01-31T12:00:00Z  RunStarted         Run r1-0a1b2c3d began.
  2026-01-31T12:01:00Z  NodeFault          Attempt 2 follows.
""")


def test_a_failure_has_its_hint_and_the_last_lines() -> None:
    hint = FAILURES[FailureClass.INVALID_DATA].hint
    failure = Failure(failure_class=FailureClass.INVALID_DATA, message="sft.jsonl:3: no prompt", hint=hint)
    message = RunResult(step="prepare", attempt=1, failure=failure, log="12:00:01 INFO Step started\n12:00:02 ERROR The step failed").model_dump_json(by_alias=True)  # fmt: skip
    current, _ = decide(running(), failed("prepare", exit_code=65, termination_message=message))
    text = told(current.status)
    assert "\nWhat went wrong\n  InvalidData: sft.jsonl:3: no prompt\n  Correct the rows named in the message" in text
    assert "                        | 12:00:01 INFO Step started\n                        | 12:00:02 ERROR" in text
    assert "\n  Failed       True    since 2026-01-31T12:00:00Z  InvalidData\n" in text


def test_a_run_that_is_complete_says_where_its_adapter_is() -> None:
    current, _ = decide(running("publish"), succeeded("publish"))
    assert "\nResult\n  adapter at s3://out/a\n" in told(current.status)


def test_a_second_run_says_where_it_began() -> None:
    uri = "s3://out/adapters/team-a/tune/r1-0a1b2c3d/train-sft/a1-1234abcd/checkpoint-20"
    current, _ = decide(running("train-sft"), failed("train-sft", exit_code=70))
    again = plan(job(current.status.to_wire(), runAttempt=2, resumeFrom=uri), observed(), SETTINGS)
    assert f"\n  from {uri}\n" in told(again.status, runAttempt=2, resumeFrom=uri)


def test_a_job_that_nobody_has_looked_at_says_so() -> None:
    assert "The operator has not looked at it yet." in story(raw_job(), [])
    assert "The operator has not looked at it yet." in story(raw_job({"phase": "OfTheFuture"}), [])
