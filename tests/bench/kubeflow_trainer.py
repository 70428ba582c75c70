"""The controller of Kubeflow Trainer v2.0.0 beside ours: built from its module, on the same API server, under an administrator's rights.

It needs the CRDs of itself and of JobSet, whose objects are its children. Its validating webhook is left out, which spares it a call for each creation."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from devcluster.cluster import environment
from devcluster.processes import answers, free_port
from devcluster.state import Cluster, cache_directory
from raw_api import eventually

MODULE, VERSION = "github.com/kubeflow/trainer/v2", "v2.0.0"
JOB_SET, JOB_SET_VERSION = "sigs.k8s.io/jobset", "v0.8.2"
NAMESPACE = "kubeflow-system"
RUNTIME = "bench"
CERTIFICATES = "kubeflow-trainer-webhook-cert"
MOUNT = Path("/tmp/k8s-webhook-server/serving-certs")


def binary() -> Path:
    """The controller, built once and kept in the cache."""
    target = cache_directory() / f"kubeflow-trainer-{VERSION}"
    target.mkdir(parents=True, exist_ok=True)
    with (target / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / "manager").is_file():
            _build(target)
    return target / "manager"


def _build(target: Path) -> None:
    """In a copy of the module: as the main module, its own replacements hold."""
    with tempfile.TemporaryDirectory(dir=target) as scratch:
        source = Path(scratch) / "source"
        shutil.copytree(_module(MODULE, VERSION), source, copy_function=shutil.copyfile)
        command = ["go", "build", "-mod=mod", "-trimpath", "-ldflags", "-s -w", "-o", f"{scratch}/manager"]
        subprocess.run(
            [*command, "./cmd/trainer-controller-manager"],
            cwd=source,
            env={**os.environ, "CGO_ENABLED": "0"},
            check=True,
            capture_output=True,
        )
        os.replace(f"{scratch}/manager", target / "manager")


def _module(name: str, version: str) -> Path:
    """Where a module lies."""
    done = subprocess.run(
        ["go", "mod", "download", "-json", f"{name}@{version}"],
        cwd="/",
        env={**os.environ, "GOFLAGS": "-mod=mod"},
        check=True,
        capture_output=True,
        text=True,
    )
    return Path(json.loads(done.stdout)["Dir"])


def install(cluster: Cluster) -> None:
    """CRDs, the objects it wants to find, and a runtime of one node."""
    trainer, job_set = _module(MODULE, VERSION), _module(JOB_SET, JOB_SET_VERSION)
    for folder in (trainer / "manifests" / "base" / "crds", job_set / "config" / "components" / "crd" / "bases"):
        for path in sorted(folder.glob("*_*.yaml")):
            _apply(cluster, path.read_text())
    container = {"name": "node", "image": "trainer:test"}
    ancestor = {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}}
    job = {"metadata": ancestor, "spec": {"template": {"spec": {"containers": [container]}}}}
    runtime = {
        "mlPolicy": {"numNodes": 1, "torch": {}},
        "template": {"spec": {"replicatedJobs": [{"name": "node", "template": job}]}},
    }
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": CERTIFICATES, "namespace": NAMESPACE}},
        {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "validator.trainer.kubeflow.org"}, "webhooks": []},
        {"apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "ClusterTrainingRuntime", "metadata": {"name": RUNTIME}, "spec": runtime},
    ]  # fmt: skip
    _apply(cluster, yaml.safe_dump_all(objects))


def _apply(cluster: Cluster, text: str) -> None:
    command = [f"{cluster.binaries}/kubectl", "apply", "--server-side", "-f", "-"]
    eventually(
        lambda: (
            not subprocess.run(command, env=environment(cluster), input=text, text=True, capture_output=True).returncode
        ),
        "objects of Kubeflow Trainer are there",
    )


@dataclass
class KubeflowTrainer:
    """The running controller, with the settings that it ships with."""

    cluster: Cluster
    log: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns when it says that it is ready."""
        command = [
            str(binary()),
            f"--health-probe-bind-address=127.0.0.1:{self.port}",
            f"--webhook-server-port={free_port()}",
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=environment(self.cluster), stdout=log, stderr=log)
        eventually(self._mounted, "it has made its certificates", 60)
        eventually(lambda: answers(f"http://127.0.0.1:{self.port}/readyz"), "Kubeflow Trainer is ready", 60)

    def _mounted(self) -> bool:
        """Play the kubelet, which mounts the Secret that the controller fills: it waits for the files."""
        command = [f"{self.cluster.binaries}/kubectl", "get", "secret", CERTIFICATES, "-n", NAMESPACE, "-o", "json"]
        done = subprocess.run(command, env=environment(self.cluster), capture_output=True, check=True)
        data = json.loads(done.stdout).get("data") or {}
        if len(data) < 3:
            return False
        MOUNT.mkdir(parents=True, exist_ok=True)
        for name, value in data.items():
            (MOUNT / name).write_bytes(base64.b64decode(value))
        return True

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
        shutil.rmtree(MOUNT.parent, ignore_errors=True)
