"""Which Workload is whose: Kueue makes its name from that of the Job."""

import pytest

from tunewright_operator.shell.queue_words import is_workload_of

LONG = "n" * 30 + "-0a1b2c3d-train-ssssssssssss-a1"
CASES = [
    pytest.param("tune-0a1b2c3d-prepare-a1", "job-tune-0a1b2c3d-prepare-a1-7f3c2", True, id="its own"),
    pytest.param("tune-0a1b2c3d-prepare-a1", "job-tune-0a1b2c3d-prepare-a11-7f3c2", False, id="that of the eleventh attempt"),
    pytest.param("tune-0a1b2c3d-prepare-a1", "job-tune-7f3c2", False, id="that of a Job with a shorter name"),
    pytest.param("tune-0a1b2c3d-prepare-a1", "pod-tune-0a1b2c3d-prepare-a1-7f3c2", False, id="that of a pod"),
    pytest.param(LONG, f"job-{LONG}"[:57] + "-7f3c2", True, id="its own, cut"),
]  # fmt: skip


@pytest.mark.parametrize(("job", "workload", "whose"), CASES)
def test_a_workload_is_found_by_its_jobs_name(job: str, workload: str, whose: bool) -> None:
    assert is_workload_of(job, workload) is whose
