"""What is decided about an AdapterMonitor: one Deployment, and conditions in the words of whoever knows."""

from typing import Any

import pytest

from builders import NOW, SETTINGS, monitor, pod
from tunewright_api.adapter_monitor import LatencyResult, MonitorReport
from tunewright_api.conditions import find
from tunewright_operator.core.monitor_plan import plan_monitor
from tunewright_operator.core.types import Apply, MonitorObserved


def observed(**changes: Any) -> MonitorObserved:
    return MonitorObserved(now=NOW, **changes)


def deployment(**status: Any) -> dict[str, Any]:
    """The Deployment that was decided on, as the cluster shows it."""
    (action,) = plan_monitor(monitor(), observed(), SETTINGS).actions
    assert isinstance(action, Apply)
    return {**action.manifest, "status": status}


def said(seen: MonitorObserved) -> dict[str, tuple[str, str, str]]:
    conditions = plan_monitor(monitor(), seen, SETTINGS).status.conditions
    return {item.type: (item.status, item.reason, item.message) for item in conditions}


def test_a_new_monitor_gets_a_deployment_and_a_current_one_nothing() -> None:
    assert [type(action) for action in plan_monitor(monitor(), observed(), SETTINGS).actions] == [Apply]
    assert plan_monitor(monitor(), observed(deployment=deployment()), SETTINGS).actions == ()


def test_a_changed_spec_is_applied() -> None:
    changed = monitor(probe={"intervalSeconds": 30})
    assert len(plan_monitor(changed, observed(deployment=deployment()), SETTINGS).actions) == 1


REFUSED = [
    pytest.param(observed(refusal="exceeded quota"), "The cluster refuses the monitor's Deployment: exceeded quota", id="the Deployment"),
    pytest.param(
        observed(deployment=deployment(conditions=[{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}])),
        "The cluster refuses the monitor's pod: exceeded quota",
        id="its pod",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "words"), REFUSED)
def test_a_refusal_stalls_the_monitor_and_is_told(seen: MonitorObserved, words: str) -> None:
    refused = ("CreationRefused", words)
    conditions = said(seen)
    assert conditions["Available"] == ("False", *refused)
    assert conditions["Stalled"] == ("True", *refused)
    assert conditions["Reconciling"] == ("False", *refused)
    assert conditions["Reachable"] == ("Unknown", *refused)
    assert plan_monitor(monitor(), seen, SETTINGS).actions == ()


WAITING = [
    pytest.param({"unscheduled_message": "0/3 nodes are available"}, "The monitor is starting: 0/3 nodes are available", id="for a node"),
    pytest.param({"waiting_message": "back-off pulling image"}, "The monitor is starting: back-off pulling image", id="for its image"),
    pytest.param({}, "The monitor is starting.", id="for nothing in particular"),
]  # fmt: skip


@pytest.mark.parametrize(("shown", "words"), WAITING)
def test_what_the_monitor_waits_for_is_told(shown: dict[str, Any], words: str) -> None:
    conditions = said(observed(deployment=deployment(), pod=pod(**shown)))
    assert conditions["Available"] == ("False", "Deploying", words)
    assert conditions["Stalled"][0] == "False"


def test_what_the_pod_reports_reaches_the_conditions() -> None:
    report = MonitorReport(
        reachable=True, reachable_message="adapter answered 3 of 3 prompts", latency=[LatencyResult(model="adapter")]
    )
    seen = observed(deployment=deployment(availableReplicas=1), report=report)
    conditions = said(seen)
    assert conditions["Available"] == ("True", "Deployed", "The monitor runs.")
    assert conditions["Reachable"] == ("True", "ProbeSucceeded", "adapter answered 3 of 3 prompts")
    assert conditions["DriftDetected"] == ("Unknown", "InsufficientData", "")
    found = find(plan_monitor(monitor(), seen, SETTINGS).status.conditions, "Reachable")
    assert found is not None
    assert found.observed_generation == 1


BEFORE = {"latency": [{"model": "adapter", "endToEnd": 1.0, "errors": 0}]}
DRIFTED = {"signal": "prompt_characters", "psi": 1.0, "threshold": 0.2, "pValue": 0.0, "samples": 500, "drifted": True}
COMPARED = {**BEFORE, "drift": [DRIFTED], "evaluatedAt": "2026-01-31T12:00:00Z"}
NUMBERS = [
    pytest.param(BEFORE, {"end_to_end": 1.2}, {}, 1.0, id="a little slower is not worth a write"),
    pytest.param(BEFORE, {"end_to_end": 2.0}, {}, 2.0, id="much slower is"),
    pytest.param(BEFORE, {"end_to_end": None, "errors": 3}, {}, None, id="no answer is"),
    pytest.param(COMPARED, {"end_to_end": 2.0}, {"evaluated_at": COMPARED["evaluatedAt"], "drift": [DRIFTED]}, 1.0, id="where traffic is compared, probes wait for that"),
    pytest.param(COMPARED, {"end_to_end": 2.0}, {"evaluated_at": COMPARED["evaluatedAt"]}, 2.0, id="a comparison that failed takes its numbers away"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "latency", "report", "shown"), NUMBERS)
def test_numbers_in_the_status_are_not_written_with_each_probe_and_never_stay_old(
    status: dict[str, Any], latency: dict[str, Any], report: dict[str, Any], shown: float | None
) -> None:
    seen = MonitorReport(latency=[LatencyResult(model="adapter", **latency)], **report)
    found = plan_monitor(monitor(status), observed(deployment=deployment(availableReplicas=1), report=seen), SETTINGS)
    assert found.status.latency[0].end_to_end == shown
    assert bool(found.status.drift) == bool(seen.drift)
