"""What an operator makes of a status that it did not write."""

from typing import Any

import pytest

from builders import raw_job
from tunewright_operator.core.parse import unreadable_run

RUN = {"runId": "r1-0a1b2c3d", "runAttempt": 1, "observedGeneration": 1}


@pytest.mark.parametrize(
    ("status", "words"),
    [
        pytest.param({}, None, id="a new object"),
        pytest.param(RUN, None, id="a run of ours"),
        pytest.param({**RUN, "later": {"a": 1}}, None, id="a field of a newer operator is ignored"),
        pytest.param({"phase": "Dreaming"}, None, id="what is no run of ours is observed anew"),
        pytest.param({**RUN, "phase": "Dreaming"}, "status.phase", id="a word of a newer operator"),
        pytest.param({**RUN, "failure": {"class": "BudgetExceeded", "message": "m"}}, "status.failure.class", id="a failure class of a newer operator"),
    ],
)  # fmt: skip
def test_a_run_that_a_newer_operator_has_written_is_told_from_an_empty_status(
    status: dict[str, Any], words: str | None
) -> None:
    found = unreadable_run({**raw_job(), "status": status})
    assert found is None if words is None else found is not None and words in found
