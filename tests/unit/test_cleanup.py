"""What becomes of the Jobs of a run that is over."""

from typing import Any

import pytest

from builders import SETTINGS, STEPS, child, job, observed, succeeded
from driven_plan import decide, running
from tunewright_api.status import FineTuneJobStatus, Phase
from tunewright_operator.core.plan import plan
from tunewright_operator.core.types import DeleteJob

MINE = tuple(child(step, complete=True, active=0) for step in STEPS)


def complete() -> FineTuneJobStatus:
    """Finished at NOW."""
    return decide(running("publish"), succeeded("publish"))[0].status


CASES = [
    pytest.param({}, 10_000_000, 0, None, id="without a time to live they stay for ever"),
    pytest.param({"ttlSecondsAfterFinished": 3600}, 3599, 0, 1.0, id="before its time nothing is deleted, and it is looked at then"),
    pytest.param({"ttlSecondsAfterFinished": 3600}, 3600, 6, None, id="at its time all go"),
    pytest.param({"ttlSecondsAfterFinished": 0}, 0, 6, None, id="no time at all: they go at once"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "seconds", "deleted", "again"), CASES)
def test_the_jobs_of_a_finished_run_go_when_their_time_has_come(
    fields: dict[str, Any], seconds: float, deleted: int, again: float | None
) -> None:
    status = complete()
    decision = plan(job(status.to_wire(), **fields), observed(*MINE, seconds=seconds), SETTINGS)
    assert decision.status == status, "results and conditions stay"
    assert decision.actions == tuple(DeleteJob(mine.name, mine.uid) for mine in MINE[:deleted])
    assert decision.requeue_after == again


def test_only_own_jobs_go_and_none_twice() -> None:
    shown = observed(child(owner_uid="somebody"), child("publish", deleting=True), seconds=99)
    assert plan(job(complete().to_wire(), ttlSecondsAfterFinished=1), shown, SETTINGS).actions == ()


def test_jobs_that_are_gone_are_not_missed_and_a_new_run_begins_as_any_other() -> None:
    status = complete()
    bare = plan(job(status.to_wire(), ttlSecondsAfterFinished=1), observed(seconds=99), SETTINGS)
    assert (bare.status, bare.actions) == (status, ())
    again = plan(job(status.to_wire(), runAttempt=2, ttlSecondsAfterFinished=1), observed(seconds=99), SETTINGS)
    assert (again.status.phase, again.status.steps[0].attempt) == (Phase.RUNNING, 2)


def test_while_a_run_is_not_over_nothing_is_cleaned_up() -> None:
    current = running("train-sft", ttlSecondsAfterFinished=0)
    shown = observed(child("prepare", complete=True), child("train-sft"), seconds=99)
    assert plan(current, shown, SETTINGS).actions == ()
