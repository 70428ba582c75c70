"""The binaries: taken from KUBEBUILDER_ASSETS, from the cache, or built from pinned Go modules."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from devcluster.errors import DevclusterError
from devcluster.state import cache_directory

HERE = Path(__file__).parent
KUBERNETES_MODULES = HERE / "kubernetes-modules"
HELM_MODULES = HERE / "helm-modules"
VERSION = "v1.37.2"
STAMP = "k8s.io/component-base/version"
FLAGS = f"-s -w -X {STAMP}.gitVersion={VERSION} -X {STAMP}.gitMajor=1 -X {STAMP}.gitMinor=37"
TARGETS = {
    "etcd": (KUBERNETES_MODULES, "go.etcd.io/etcd/server/v3"),
    "kube-apiserver": (KUBERNETES_MODULES, "k8s.io/kubernetes/cmd/kube-apiserver"),
    "kube-controller-manager": (KUBERNETES_MODULES, "k8s.io/kubernetes/cmd/kube-controller-manager"),
    "kube-scheduler": (KUBERNETES_MODULES, "k8s.io/kubernetes/cmd/kube-scheduler"),
    "kubectl": (KUBERNETES_MODULES, "k8s.io/kubernetes/cmd/kubectl"),
    "kubelet": (KUBERNETES_MODULES, "k8s.io/kubernetes/cmd/kubelet"),
    "kube-proxy": (KUBERNETES_MODULES, "k8s.io/kubernetes/cmd/kube-proxy"),
    "helm": (HELM_MODULES, "helm.sh/helm/v4/cmd/helm"),
}


def _key() -> str:
    digest = hashlib.sha256(FLAGS.encode())
    for modules in (KUBERNETES_MODULES, HELM_MODULES):
        digest.update((modules / "go.sum").read_bytes())
    return digest.hexdigest()[:16]


def directory() -> Path:
    """Where the binaries of this checkout's versions are kept."""
    return cache_directory() / f"binaries-{_key()}"


def ensure() -> Path:
    """A folder with all binaries; those that are nowhere to be had are built, 8 minutes on 2 cores, once."""
    target = directory()
    target.mkdir(parents=True, exist_ok=True)
    with (target / ".lock").open("w") as lock:
        # Two that begin at once, a demo and a test, would both build for eight minutes.
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name, (modules, package) in TARGETS.items():
            if not (target / name).is_file():
                _provide(name, modules, package, target)
    return target


def _provide(name: str, modules: Path, package: str, target: Path) -> None:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    given = Path(assets) / name if assets else None
    if given is not None and given.is_file():
        (target / name).symlink_to(given)
    else:
        _build(name, modules, package, target)


def _build(name: str, modules: Path, package: str, target: Path) -> None:
    go = shutil.which("go")
    if go is None:
        raise DevclusterError(
            f"{name} has to be built, and there is no Go: install Go 1.26 or newer, or set KUBEBUILDER_ASSETS"
        )
    with tempfile.TemporaryDirectory(dir=target) as scratch:
        command = [go, "build", "-mod=mod", "-trimpath", "-ldflags", FLAGS, "-o", f"{scratch}/{name}", package]
        done = subprocess.run(
            command, cwd=modules, env={**os.environ, "CGO_ENABLED": "0"}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise DevclusterError(f"{name} cannot be built: {done.stderr[-2000:]}")
        os.replace(f"{scratch}/{name}", target / name)
