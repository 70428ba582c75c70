"""Runs the real operator as a process of its own, under the role that the chart gives it."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from devcluster.processes import free_port
from devcluster.state import Cluster
from process_use import Use, use_of
from raw_api import RawApi, eventually

CHART = Path(__file__).parent.parent / "charts" / "tunewright"
SYSTEM_NAMESPACE = "tunewright-system"
OPERATOR_ACCOUNT = f"system:serviceaccount:{SYSTEM_NAMESPACE}:"
RBAC_KINDS = {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
READS = {"get", "list", "watch"}


def _rendered(cluster: Cluster) -> list[dict[str, Any]]:
    """The chart's objects."""
    command = [f"{cluster.binaries}/helm", "template", "tunewright", str(CHART), "--namespace", SYSTEM_NAMESPACE]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [document for document in yaml.safe_load_all(printed) if document]


def rendered_roles(cluster: Cluster) -> list[dict[str, Any]]:
    """The roles of the operator itself; those for tenants are bound by the cluster's own."""
    return [
        document
        for document in _rendered(cluster)
        if document["kind"] in {"ClusterRole", "Role"} and "aggregate-to" not in str(document["metadata"])
    ]


def install_role(cluster: Cluster, api: RawApi, directory: Path) -> Path:
    """Create the chart's service account and roles; the kubeconfig of that account."""
    environment = {**os.environ, "KUBECONFIG": cluster.kubeconfig}
    wanted = [document for document in _rendered(cluster) if document["kind"] in RBAC_KINDS]
    crds = [document for path in CHART.glob("crds/*.yaml") for document in yaml.safe_load_all(path.read_text())]
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM_NAMESPACE}}
    subprocess.run(
        [f"{cluster.binaries}/kubectl", "apply", "--server-side", "-f", "-"],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
        input=yaml.safe_dump_all([namespace, *crds, *wanted]),
    )
    account = next(document["metadata"]["name"] for document in wanted if document["kind"] == "ServiceAccount")
    path = f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/serviceaccounts/{account}/token"
    token = api.create(path, {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": {}})
    return _write_kubeconfig(cluster, directory / "operator.kubeconfig", token["status"]["token"])


def _write_kubeconfig(cluster: Cluster, path: Path, token: str) -> Path:
    server = {"server": cluster.api_server, "certificate-authority": f"{cluster.directory}/keys/apiserver.crt"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "x",
        "clusters": [{"name": "x", "cluster": server}],
        "users": [{"name": "x", "user": {"token": token}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
    }
    path.write_text(yaml.safe_dump(config))
    return path


@dataclass
class OperatorProcess:
    """One replica."""

    kubeconfig: Path
    log: Path
    pod_name: str = "replica-a"
    namespaces: str = ""
    port: int = field(default_factory=free_port)
    variables: dict[str, str] = field(default_factory=dict)
    """Further settings."""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns when it serves its probes."""
        environment = {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "TUNEWRIGHT_TRAINER_IMAGE": "trainer:test",
            "TUNEWRIGHT_MONITOR_IMAGE": "operator:test",
            "TUNEWRIGHT_NAMESPACES": self.namespaces,
            "TUNEWRIGHT_PORT": str(self.port),
            "POD_NAME": self.pod_name,
            "POD_NAMESPACE": SYSTEM_NAMESPACE,
            **self.variables,
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tunewright_operator"], env=environment, stdout=log, stderr=log
            )
        eventually(lambda: self.fetch("/readyz") is not None, f"{self.pod_name} serves its probes")

    def kill(self) -> None:
        """SIGKILL: no clean-up of any kind."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def freeze(self) -> None:
        """SIGSTOP: alive, and unaware of time."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> int:
        """SIGCONT; the exit code, since its lease has ended meanwhile."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)
        return self.process.wait(20)

    def terminate(self) -> int:
        """SIGTERM, as the kubelet does; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def stop(self) -> None:
        """End it if it still runs."""
        if self.process is not None and self.process.poll() is None:
            self.terminate()

    def fetch(self, path: str) -> str | None:
        """What its HTTP server answers; None while it does not."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2) as answer:
                return str(answer.read().decode())
        except OSError:
            return None

    def leads(self) -> bool:
        """Whether this replica leads, by its own metric."""
        return "tunewright_operator_leader 1.0" in (self.fetch("/metrics") or "")

    def resident_mebibytes(self) -> float:
        """Resident memory."""
        return self.use().resident_mebibytes

    def use(self) -> Use:
        """What it has used so far."""
        assert self.process is not None
        return use_of(self.process.pid)

    def messages(self) -> list[dict[str, Any]]:
        """Its log."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


@dataclass
class AuditLog:
    """What the operator's account asked of the API server, from a moment on."""

    path: Path
    offset: int = 0

    def mark(self) -> None:
        """Look only at what comes from now on."""
        # The API server writes its audit log in batches of its own.
        time.sleep(0.5)
        self.offset = self.path.stat().st_size

    def entries(self) -> Iterator[dict[str, Any]]:
        """Everybody's requests since the mark."""
        with self.path.open("rb") as lines:
            lines.seek(self.offset)
            for line in lines:
                if line.endswith(b"}\n"):
                    yield json.loads(line)

    def requests(self, account: str = OPERATOR_ACCOUNT) -> list[dict[str, Any]]:
        """The operator's requests since the mark, or those of another account."""
        return [entry for entry in self.entries() if entry["user"]["username"].startswith(account)]

    def writes(self, account: str = OPERATOR_ACCOUNT) -> list[str]:
        """Verb, resource and answer of each write that is not the lease's."""
        found = []
        for entry in self.requests(account):
            target = entry.get("objectRef", {})
            if entry["verb"] in READS or target.get("resource") == "leases":
                continue
            resource = "/".join(filter(None, (target.get("resource"), target.get("subresource"))))
            found.append(f"{entry['verb']} {resource} {entry['responseStatus']['code']}")
        return found

    def lease_writes(self) -> int:
        """Renewals of the lease."""
        requests = self.requests()
        return sum(1 for entry in requests if entry["verb"] == "update" and entry["objectRef"]["resource"] == "leases")

    def forbidden(self) -> list[str]:
        """Requests that the role does not allow."""
        return [
            f"{entry['verb']} {entry['requestURI']}"
            for entry in self.requests()
            if entry["responseStatus"]["code"] == 403
            and entry.get("annotations", {}).get("authorization.k8s.io/decision") == "forbid"
        ]

    def deletions(self, resource: str) -> list[dict[str, Any]]:
        """The options of each deletion."""
        return [
            entry.get("requestObject", {})
            for entry in self.requests()
            if entry["verb"] == "delete" and entry["objectRef"].get("resource") == resource
        ]

    def created_jobs(self, namespace: str) -> list[str]:
        """Names of the Jobs that were created, one for each time."""
        return [
            entry["objectRef"]["name"]
            for entry in self.requests()
            if entry["verb"] == "create"
            and entry["objectRef"].get("resource") == "jobs"
            and entry["objectRef"].get("namespace") == namespace
            and entry["responseStatus"]["code"] == 201
        ]
