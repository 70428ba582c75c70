"""The chart's role is all that the operator needs, and nothing more."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import devcluster
from operator_process import AuditLog, OperatorProcess, rendered_roles
from played_kubelet import PlayedKubelet, success
from raw_api import RawApi, eventually
from tunewright_api import names
from watched_run import GROUP, Run, until

Permission = tuple[str, str, str]
"""API group, resource with its subresource, verb."""
ASKED_BY_THE_API_SERVER = {
    # By the admission plugin OwnerReferencesPermissionEnforcement, for blockOwnerDeletion. It runs in this cluster.
    ("tunewright.dev", "finetunejobs/finalizers", "update"),
    ("tunewright.dev", "adaptermonitors/finalizers", "update"),
    # Of a server-side apply to an object that is not there yet; the request itself is a patch.
    ("apps", "deployments", "create"),
}
"""What never shows as a request: the API server looks these up while it answers another one."""


def granted(roles: list[dict[str, Any]]) -> set[Permission]:
    return {
        (group, resource, verb)
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def used(audit: AuditLog) -> set[Permission]:
    found = set()
    for entry in audit.requests():
        target = entry.get("objectRef")
        if target is None or "resource" not in target:
            continue
        resource = "/".join(filter(None, (target["resource"], target.get("subresource"))))
        found.add((target.get("apiGroup", ""), resource, entry["verb"]))
    return found


@pytest.fixture
def second(kubeconfig: Path, tmp_path: Path) -> Iterator[OperatorProcess]:
    process = OperatorProcess(kubeconfig, tmp_path / "second.log", "replica-b")
    yield process
    process.stop()


@pytest.fixture
def everything_done(
    api: RawApi,
    kubelet: PlayedKubelet,
    operator_of_all_namespaces: OperatorProcess,
    second: OperatorProcess,
    namespace: str,
) -> None:
    """A refused pod, a suspension, a whole run, a change of leaders, a monitor, a deletion."""
    second.start()
    quotas = f"/api/v1/namespaces/{namespace}/resourcequotas"
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    api.create(quotas, quota)
    eventually(lambda: api.get(f"{quotas}/none").get("status", {}).get("used"), "the quota counts")
    run = Run(api, namespace).create()
    eventually(lambda: run.condition("Admitted").get("reason") == "CreationRefused", "the refusal is told", 60)
    api.delete(f"{quotas}/none")
    kubelet.script = until("train-sft")
    eventually(lambda: run.step("train-sft").get("state") == "Running", "training", 120)
    run.patch(suspend=True)
    run.wait_for_phase("Suspended")
    kubelet.script = success
    run.patch(suspend=False)
    run.wait_for_phase("Complete")
    assert operator_of_all_namespaces.terminate() == 0
    eventually(second.leads, "the second leads")
    monitors = f"{GROUP}/namespaces/{namespace}/adaptermonitors"
    endpoint = {"url": "http://vllm:8000/v1", "adapterModel": "a"}
    monitor = {"apiVersion": names.API_VERSION, "kind": "AdapterMonitor", "metadata": {"name": "a"}}
    api.create(monitors, {**monitor, "spec": {"adapterUri": "s3://adapters/a", "endpoint": endpoint}})
    eventually(lambda: api.get(f"{monitors}/a").get("status", {}).get("conditions"), "the monitor is looked after")
    api.delete(run.path)
    api.delete(f"{monitors}/a")
    eventually(lambda: api.find(run.path) is None and api.find(f"{monitors}/a") is None, "both are gone")


def test_every_permission_is_used_and_none_is_missing(cluster: devcluster.Cluster, everything_done: None) -> None:
    audit = AuditLog(Path(cluster.audit_log))
    assert audit.forbidden() == []
    roles = granted(rendered_roles(cluster))
    assert sorted(roles - used(audit) - ASKED_BY_THE_API_SERVER) == []


def test_no_permission_is_a_wildcard_or_reaches_secrets(cluster: devcluster.Cluster) -> None:
    for group, resource, verb in granted(rendered_roles(cluster)):
        assert "*" not in (group, resource, verb)
        assert resource not in ("secrets", "pods/exec", "serviceaccounts/token", "configmaps")
