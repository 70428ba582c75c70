"""One control plane for all tests of the operator, and what they need beside it."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import devcluster
from devcluster import Part
from devcluster.state import cluster_directory
from operator_process import AuditLog, OperatorProcess, install_role
from played_kubelet import PlayedKubelet
from raw_api import RawApi, eventually
from watched_run import POD_IP


@pytest.fixture(scope="session")
def cluster() -> Iterator[devcluster.Cluster]:
    """One for each test process: two that shared one would fight for the lease."""
    for left_over in cluster_directory("x").parent.glob("operator-run-*"):
        if not Path(f"/proc/{left_over.name.rsplit('-', 1)[-1]}").exists():
            devcluster.down(left_over.name)
    name = f"operator-run-{os.getpid()}"
    yield devcluster.up(name, frozenset({Part.CONTROL_PLANE, Part.CONTROLLERS}))
    devcluster.down(name)


@pytest.fixture(scope="session")
def api(cluster: devcluster.Cluster) -> Iterator[RawApi]:
    client = RawApi(cluster)
    yield client
    client.close()


@pytest.fixture(scope="session")
def kubeconfig(cluster: devcluster.Cluster, api: RawApi, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_role(cluster, api, tmp_path_factory.mktemp("role"))


@pytest.fixture
def audit(cluster: devcluster.Cluster) -> AuditLog:
    log = AuditLog(Path(cluster.audit_log))
    log.mark()
    return log


@pytest.fixture
def namespace(api: RawApi, request: pytest.FixtureRequest) -> str:
    words = request.node.name.removeprefix("test_").replace("_", "-").split("[")[0][:50].rstrip("-")
    name = f"t-{words}-{hashlib.sha256(request.node.name.encode()).hexdigest()[:6]}"
    api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    eventually(lambda: api.find(f"/api/v1/namespaces/{name}/serviceaccounts/default"), "the namespace is usable")
    return name


@pytest.fixture
def kubelet(api: RawApi) -> Iterator[PlayedKubelet]:
    played = PlayedKubelet(api, POD_IP)
    played.start()
    yield played
    played.stop()


@pytest.fixture
def operator(kubeconfig: Path, tmp_path: Path, namespace: str) -> Iterator[OperatorProcess]:
    process = OperatorProcess(kubeconfig, tmp_path / "operator.log", namespaces=namespace)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def operator_of_all_namespaces(kubeconfig: Path, tmp_path: Path) -> Iterator[OperatorProcess]:
    process = OperatorProcess(kubeconfig, tmp_path / "operator.log")
    process.start()
    yield process
    process.stop()
