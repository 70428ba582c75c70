"""Debian packages that the node's parts come from."""

import os
import shutil
import subprocess
from collections.abc import Iterable

from devcluster.errors import DevclusterError
from devcluster.state import Part

PROGRAMS = {
    Part.CONTROL_PLANE: {"openssl": "openssl"},
    Part.NODE: {
        "containerd": "containerd",
        "runc": "runc",
        "/usr/lib/cni/bridge": "containernetworking-plugins",
        "buildah": "buildah",
        "debootstrap": "debootstrap",
        "docker-registry": "docker-registry",
        "iptables": "iptables",
        "conntrack": "conntrack",
        "ip": "iproute2",
        "gcc": "gcc",
        "mount": "mount",
    },
    Part.PROMETHEUS: {"prometheus": "prometheus"},
}


def _missing(parts: Iterable[Part]) -> list[str]:
    wanted = {program: package for part in parts for program, package in PROGRAMS.get(part, {}).items()}
    return sorted(
        {
            package
            for program, package in wanted.items()
            if shutil.which(program) is None and not os.path.exists(program)
        }
    )


def ensure(parts: Iterable[Part]) -> None:
    """Install what is missing as root on Debian; else say what is missing."""
    parts = list(parts)
    missing = _missing(parts)
    if Part.NODE in parts and os.geteuid() != 0:
        raise DevclusterError(
            "the node needs root (containers, a bridge, mounts); run as root, or leave out the part 'node'"
        )
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise DevclusterError(
            f"missing: {', '.join(missing)}; install them (on Debian: apt-get install {' '.join(missing)})"
        )
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-yq", "--no-install-recommends", *missing]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DevclusterError(f"{' '.join(command)} failed: {done.stderr[-1000:]}")
    _stop_services(missing)


def _stop_services(packages: Iterable[str]) -> None:
    """Debian starts servers when it installs them; ours are started by us, on our ports."""
    for package in packages:
        if package in {"containerd", "docker-registry", "prometheus"} and shutil.which("systemctl"):
            subprocess.run(["systemctl", "disable", "--now", package], capture_output=True, check=False)
