"""Removes what a node leaves behind when its processes are gone, and finds what is left all the same."""

import contextlib
import shutil
import subprocess
from pathlib import Path

from devcluster.node import BRIDGE, CONTAINERD_SOCKET, KUBELET_DIRECTORY, RUN_DIRECTORY, SUBNET
from devcluster.state import cache_directory

ADDRESSES_OF_PODS = Path("/var/lib/cni/networks/devcluster")
FOLDERS = (KUBELET_DIRECTORY, RUN_DIRECTORY, ADDRESSES_OF_PODS)
# The kubelet writes these and never takes them back; all other rules are kube-proxy's, which cleans up after itself.
KUBELET_JUMPS = (("INPUT", "KUBE-FIREWALL"), ("OUTPUT", "KUBE-FIREWALL"))
KUBELET_CHAINS = {
    "filter": ("KUBE-FIREWALL", "KUBE-KUBELET-CANARY"),
    "nat": ("KUBE-KUBELET-CANARY",),
    "mangle": ("KUBE-KUBELET-CANARY", "KUBE-IPTABLES-HINT"),
}


def remove(binaries: Path) -> None:
    """Containers and their shims, mounts, network namespaces, rules and folders. What is gone already is no error."""
    _try("pkill", "-9", "-f", f"containerd-shim.*{CONTAINERD_SOCKET}")
    _kill_containers()
    for point in _mounts():
        _try("umount", "-l", point)
    for name in _network_namespaces():
        _try("ip", "netns", "del", name)
    _remove_rules(binaries)
    _try("ip", "link", "del", BRIDGE)
    for folder in FOLDERS:
        shutil.rmtree(folder, ignore_errors=True)


def find() -> list[str]:
    """What is still there of a node, one sentence each."""
    found = [f"mounted: {point}" for point in _mounts()]
    found += [f"network namespace: {name}" for name in _network_namespaces()]
    found += [f"folder: {folder}" for folder in FOLDERS if folder.exists()]
    found += [f"firewall rule: {rule}" for rule in _out("iptables-save").splitlines() if "KUBE-" in rule]
    if Path(f"/sys/class/net/{BRIDGE}").exists():
        found.append(f"bridge: {BRIDGE}")
    return found


def _try(*command: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        subprocess.run(command, capture_output=True, check=False)


def _out(*command: str) -> str:
    with contextlib.suppress(FileNotFoundError):
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return ""


def _kill_containers() -> None:
    """Processes of pods, found by their cgroup; then the cgroups themselves."""
    for path in Path("/sys/fs/cgroup").glob("*/kubepods"):
        for processes in sorted(path.rglob("cgroup.procs")):
            for pid in processes.read_text().split():
                _try("kill", "-9", pid)
        for folder in sorted((item for item in path.rglob("*") if item.is_dir()), key=lambda item: -len(item.parts)):
            _remove_cgroup(folder)
        _remove_cgroup(path)


def _remove_cgroup(folder: Path) -> None:
    # A process of it may still be ending; an empty cgroup costs nothing.
    with contextlib.suppress(OSError):
        folder.rmdir()


def _mounts() -> list[str]:
    """Mount points of the node, the deepest first."""
    roots = [str(root) for root in (KUBELET_DIRECTORY, RUN_DIRECTORY, cache_directory() / "containerd")]
    points = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    mine = [point for point in points if any(f"{point}/".startswith(f"{root}/") for root in roots)]
    return sorted(mine, reverse=True)


def _network_namespaces() -> list[str]:
    """Those whose address is one of our pods'."""
    prefix = SUBNET.rpartition(".")[0] + "."
    names = [line.split()[0] for line in _out("ip", "netns", "list").splitlines() if line]
    return [name for name in names if f" {prefix}" in _out("ip", "-n", name, "-o", "-4", "addr")]


def _remove_rules(binaries: Path) -> None:
    _try(str(binaries / "kube-proxy"), "--cleanup", "--proxy-mode=iptables")
    for iptables in ("iptables", "ip6tables"):
        for chain, target in KUBELET_JUMPS:
            _try(iptables, "-D", chain, "-j", target)
        for table, chains in KUBELET_CHAINS.items():
            for chain in chains:
                _try(iptables, "-t", table, "-F", chain)
                _try(iptables, "-t", table, "-X", chain)
