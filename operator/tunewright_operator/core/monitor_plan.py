"""plan_monitor(monitor, observed): one small Deployment, and conditions from what its pod reports."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from tunewright_api import names
from tunewright_api.adapter_monitor import (
    AdapterMonitorSpec,
    AdapterMonitorStatus,
    LatencyResult,
    MonitorConfig,
    MonitorReport,
)
from tunewright_api.conditions import Condition, MonitorConditionType, Reason, upsert
from tunewright_api.failures import FailureClass
from tunewright_operator.core.job_manifest import owner_reference
from tunewright_operator.core.parse import format_time
from tunewright_operator.core.types import AdapterMonitor, Apply, Manifest, MonitorObserved, MonitorPlan, Settings

USER = 10001
DEFAULT_REQUESTS = {"cpu": "50m", "memory": "128Mi"}
DEFAULT_LIMITS = {"memory": "256Mi"}
HASH_ANNOTATION = f"{names.GROUP}/spec-hash"
LOOK_AGAIN_SECONDS = 15


def plan_monitor(monitor: AdapterMonitor, observed: MonitorObserved, settings: Settings) -> MonitorPlan:
    """Decide the Deployment and the status of one AdapterMonitor."""
    if monitor.deleting:
        return MonitorPlan(monitor.status)
    if monitor.spec is None:
        message = "; ".join(monitor.spec_problems)
        return MonitorPlan(
            _with_conditions(
                monitor, observed, {MonitorConditionType.STALLED: (True, FailureClass.INVALID_SPEC, message)}
            )
        )
    manifest = build_deployment(monitor, monitor.spec, settings)
    current = observed.deployment is not None and _hash(observed.deployment) == _hash(manifest)
    status = _reported(_with_conditions(monitor, observed, _conditions(observed, current)), observed.report)
    wanted = () if current or observed.refusal else (Apply(manifest),)
    return MonitorPlan(status, wanted, requeue_after=LOOK_AGAIN_SECONDS)


def _hash(manifest: Mapping[str, Any]) -> str:
    return str((manifest["metadata"].get("annotations") or {}).get(HASH_ANNOTATION, ""))


def monitor_name(name: str) -> str:
    """Name of the Deployment of a monitor."""
    return f"{name}-monitor"


def build_deployment(monitor: AdapterMonitor, spec: AdapterMonitorSpec, settings: Settings) -> Manifest:
    """The Deployment that watches; its hash tells whether the one in the cluster is of this spec and image."""
    labels = {names.MANAGED_BY_LABEL: names.MANAGED_BY, names.MONITOR_LABEL: monitor.name}
    template = {
        "metadata": {"labels": labels, "annotations": _scrape_annotations()},
        "spec": _pod_spec(monitor, spec, settings),
    }
    digest = hashlib.sha256(repr(template).encode()).hexdigest()[:16]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": monitor_name(monitor.name),
            "namespace": monitor.namespace,
            "labels": labels,
            "annotations": {HASH_ANNOTATION: digest},
            "ownerReferences": [owner_reference("AdapterMonitor", monitor.name, monitor.uid)],
        },
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels},
            "template": template,
        },
    }


def _scrape_annotations() -> dict[str, str]:
    return {"prometheus.io/scrape": "true", "prometheus.io/port": str(names.HTTP_PORT)}


def _pod_spec(monitor: AdapterMonitor, spec: AdapterMonitorSpec, settings: Settings) -> dict[str, Any]:
    config = MonitorConfig(namespace=monitor.namespace, name=monitor.name, spec=spec)
    secret = spec.storage.secret_ref
    pull_secrets = [item.to_wire() for item in spec.image_pull_secrets or []]
    mounts = [{"name": "temporary", "mountPath": "/tmp"}]
    volumes: list[dict[str, Any]] = [{"name": "temporary", "emptyDir": {}}]
    if secret:
        mounts.append({"name": "storage", "mountPath": f"{names.SECRETS_DIRECTORY}/{secret.name}", "readOnly": True})  # type: ignore[dict-item]
        volumes.append({"name": "storage", "secret": {"secretName": secret.name, "defaultMode": 0o440}})
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **({"imagePullSecrets": pull_secrets} if pull_secrets else {}),
        "containers": [
            {
                "name": "monitor",
                "image": spec.image or settings.monitor_image,
                "args": ["tunewright_monitor"],
                "env": [
                    {
                        "name": names.MONITOR_CONFIG_VARIABLE,
                        "value": config.model_dump_json(by_alias=True, exclude_none=True),
                    }
                ],
                "ports": [{"name": "metrics", "containerPort": names.HTTP_PORT}],
                "readinessProbe": {"httpGet": {"path": "/healthz", "port": "metrics"}, "periodSeconds": 5},
                "resources": spec.resources.to_wire()
                if spec.resources
                else {"requests": DEFAULT_REQUESTS, "limits": DEFAULT_LIMITS},
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": mounts,
            }
        ],
        "volumes": volumes,
    }


Found = dict[str, tuple[bool | None, str, str]]
_STATUS = {True: "True", False: "False", None: "Unknown"}


def _conditions(observed: MonitorObserved, current: bool) -> Found:
    available = (
        current
        and observed.deployment is not None
        and (observed.deployment.get("status") or {}).get("availableReplicas", 0) > 0
    )
    deployed = (Reason.DEPLOYED, "The monitor runs.") if available else _waiting(observed)
    refused = deployed[0] is Reason.CREATION_REFUSED
    found: Found = {
        MonitorConditionType.AVAILABLE: (available, *deployed),
        MonitorConditionType.RECONCILING: (not available and not refused, *deployed),
        MonitorConditionType.STALLED: (refused, *deployed),
    }
    report = observed.report
    if report is None:
        if not available:
            found[MonitorConditionType.REACHABLE] = found[MonitorConditionType.DRIFT_DETECTED] = (None, *deployed)
        return found
    reachable = (
        Reason.PROBE_SUCCEEDED
        if report.reachable
        else Reason.PROBE_FAILED
        if report.reachable is False
        else Reason.IN_PROGRESS
    )
    drift = (
        Reason.DRIFT
        if report.drift_detected
        else Reason.NO_DRIFT
        if report.drift_detected is False
        else Reason.INSUFFICIENT_DATA
    )
    found[MonitorConditionType.REACHABLE] = (report.reachable, reachable, report.reachable_message)
    found[MonitorConditionType.DRIFT_DETECTED] = (report.drift_detected, drift, report.drift_message)
    return found


def _waiting(observed: MonitorObserved) -> tuple[Reason, str]:
    """What the monitor waits for, in the words of whoever knows: the API server, the Deployment, the scheduler, the kubelet."""
    if observed.refusal:
        return Reason.CREATION_REFUSED, f"The cluster refuses the monitor's Deployment: {observed.refusal}"
    conditions = ((observed.deployment or {}).get("status") or {}).get("conditions") or []
    refused = next((item for item in conditions if (item["type"], item["status"]) == ("ReplicaFailure", "True")), None)
    if refused is not None:
        return Reason.CREATION_REFUSED, f"The cluster refuses the monitor's pod: {refused.get('message', '')}"
    words = (observed.pod.unscheduled_message or observed.pod.waiting_message) if observed.pod else ""
    return Reason.DEPLOYING, f"The monitor is starting: {words}" if words else "The monitor is starting."


def _with_conditions(monitor: AdapterMonitor, observed: MonitorObserved, found: Found) -> AdapterMonitorStatus:
    conditions = tuple(monitor.status.conditions)
    for type_, (met, reason, message) in found.items():
        new = Condition(
            type=type_,
            status=_STATUS[met],
            reason=reason,
            message=message[:2000],
            observed_generation=monitor.generation,
            last_transition_time=format_time(observed.now),
        )
        conditions = upsert(conditions, new)
    return monitor.status.model_copy(update={"observed_generation": monitor.generation, "conditions": list(conditions)})


def _reported(status: AdapterMonitorStatus, report: MonitorReport | None) -> AdapterMonitorStatus:
    """Numbers are written with each comparison of traffic and not with each probe; where nothing is compared, when they have moved."""
    if report is None:
        return status
    compared = report.evaluated_at != status.evaluated_at or bool(report.drift) != bool(status.drift)
    alone = report.evaluated_at is None and _have_moved(status.latency, report.latency)
    if not (compared or alone or not status.latency):
        return status
    return status.model_copy(
        update={"latency": report.latency, "drift": report.drift, "evaluated_at": report.evaluated_at}
    )


def _have_moved(before: Sequence[LatencyResult], now: Sequence[LatencyResult]) -> bool:
    """Whether a reader would see another picture: errors came or went, or an answer takes another time by a quarter."""
    if [(each.model, each.errors) for each in before] != [(each.model, each.errors) for each in now]:
        return True
    pairs = [(old.end_to_end or 0.0, new.end_to_end or 0.0) for old, new in zip(before, now, strict=True)]
    return any(abs(new - old) > 0.25 * old for old, new in pairs)
