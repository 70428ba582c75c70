"""Status patches are as small as the change, and leave alone what a newer version has written."""

from typing import Any

import pytest

from tunewright_api.status import FineTuneJobStatus
from tunewright_operator.shell.status_patch import merge_patch, status_patch


@pytest.mark.parametrize(
    ("old", "new", "patch"),
    [
        pytest.param({"a": 1}, {"a": 1}, {}, id="nothing-changed"),
        pytest.param({"a": 1}, {"a": 2}, {"a": 2}, id="a-value-changed"),
        pytest.param({"a": 1}, {}, {"a": None}, id="a-value-was-removed"),
        pytest.param({}, {"a": {}}, {"a": {}}, id="an-empty-object-was-added"),
        pytest.param({"a": {"x": 1, "y": 2}}, {"a": {"x": 1}}, {"a": {"y": None}}, id="inside-an-object"),
        pytest.param({"a": [1, 2]}, {"a": [1]}, {"a": [1]}, id="lists-are-replaced-whole"),
        pytest.param({"a": 1}, {"a": {"x": 1}}, {"a": {"x": 1}}, id="a-value-became-an-object"),
    ],
)
def test_merge_patch(old: dict[str, Any], new: dict[str, Any], patch: dict[str, Any]) -> None:
    assert merge_patch(old, new) == patch


def test_an_unchanged_status_needs_no_write() -> None:
    status = FineTuneJobStatus(observed_generation=1, run_id="r1-x")
    assert status_patch({"status": status.to_wire()}, FineTuneJobStatus, status.to_wire()) == {}


def test_fields_of_a_newer_version_are_left_alone() -> None:
    status = FineTuneJobStatus(run_id="r1-x")
    raw = {"status": {**status.to_wire(), "fromTheFuture": {"a": 1}}}
    new = status.model_copy(update={"run_id": "r2-x"})
    assert status_patch(raw, FineTuneJobStatus, new.to_wire()) == {"runId": "r2-x"}


def test_the_default_that_the_api_server_sets_is_completed() -> None:
    patch = status_patch({"status": {"observedGeneration": -1}}, FineTuneJobStatus, FineTuneJobStatus().to_wire())
    assert "observedGeneration" not in patch


def test_a_status_that_cannot_be_understood_is_replaced_as_a_whole() -> None:
    raw = {"status": {"steps": "broken", "runId": "r1-x"}}
    patch = status_patch(raw, FineTuneJobStatus, {"observedGeneration": -1})
    assert patch == {"steps": None, "runId": None, "observedGeneration": -1}
