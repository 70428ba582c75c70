"""Brings the parts up in order, and down again."""

import dataclasses
import os
from pathlib import Path

from devcluster import binaries, leftovers, node, packages, processes, state
from devcluster.control_plane import start_api_server, start_controllers, write_kubeconfig
from devcluster.errors import DevclusterError
from devcluster.prometheus import start_prometheus
from devcluster.registry import start_registry
from devcluster.s3 import ACCESS_KEY, SECRET_KEY, remove_dead_sockets, start_s3
from devcluster.state import ALL_PARTS, Cluster, Part, Process


def up(name: str = "demo", parts: frozenset[Part] = ALL_PARTS) -> Cluster:
    """Start a cluster, or return the one of that name that runs already. Raises DevclusterError and leaves nothing half-started."""
    parts = state.with_implied(parts)
    running = load(name)
    if running is not None and parts <= {Part(part) for part in running.parts}:
        return running
    down(name)
    packages.ensure(sorted(parts))
    if Part.NODE in parts:
        _refuse_second_node(name)
    try:
        return _start(name, parts)
    except BaseException:
        _give_up(name)
        raise


def load(name: str = "demo") -> Cluster | None:
    """The cluster of that name, if all its processes run."""
    found = state.load_state(name)
    if found is None or not all(processes.is_running(process) for process in found.processes):
        return None
    return found


def down(name: str = "demo") -> None:
    """Stop everything that `up` started, also after a crash. Images and binaries stay in the cache. Raises DevclusterError when something stayed."""
    found = state.load_state(name)
    if found is None:
        return
    _stop(found)
    state.remove_state(name)
    if Part.NODE in found.parts and (left := leftovers.find()):
        raise DevclusterError(f"{len(left)} things of the node are left behind: {'; '.join(left[:10])}")


def _stop(cluster: Cluster) -> None:
    for process in reversed(cluster.processes):
        processes.stop(process)
    if Part.S3 in cluster.parts:
        remove_dead_sockets()
    if Part.NODE in cluster.parts:
        leftovers.remove(Path(cluster.binaries))


def _give_up(name: str) -> None:
    """Stop what was started, and keep the logs for whoever wants to know why the rest was not."""
    found = state.load_state(name)
    if found is not None:
        _stop(found)
        (Path(found.directory) / "state.json").unlink()


def _refuse_second_node(name: str) -> None:
    root = state.cache_directory() / "clusters"
    others = [path.parent.name for path in root.glob("*/state.json") if path.parent.name != name]
    for other in others:
        found = load(other)
        if found is not None and Part.NODE in found.parts:
            raise DevclusterError(
                f"cluster '{other}' has this machine's node already; stop it first: python -m devcluster down --name {other}"
            )
        if found is None:
            down(other)


class _Builder:
    """Adds parts to a cluster and saves after each, so that a crash leaves nothing unknown behind."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def add(self, *started: Process, **fields: object) -> None:
        self.cluster = dataclasses.replace(self.cluster, processes=[*self.cluster.processes, *started], **fields)  # type: ignore[arg-type]
        self.cluster.save()


def _start(name: str, parts: frozenset[Part]) -> Cluster:
    directory = state.cluster_directory(name)
    directory.mkdir(parents=True, exist_ok=True)
    builder = _Builder(Cluster(name=name, parts=sorted(parts), directory=str(directory)))
    builder.add()
    has_node = Part.NODE in parts
    address = node.GATEWAY if has_node else "127.0.0.1"
    if has_node:
        node.make_bridge()
    if Part.S3 in parts:
        port, process = start_s3(directory)
        endpoints = {"s3_endpoint": f"http://127.0.0.1:{port}", "s3_pod_endpoint": f"http://{address}:{port}"}
        builder.add(process, s3_access_key=ACCESS_KEY, s3_secret_key=SECRET_KEY, **endpoints)
    if Part.CONTROL_PLANE in parts:
        _start_kubernetes(builder, directory, parts, address)
    return builder.cluster


def _start_kubernetes(builder: _Builder, directory: Path, parts: frozenset[Part], address: str) -> None:
    found = binaries.ensure()
    builder.add(binaries=str(found))
    # Without a node the API server is reached on loopback, but refuses to advertise a loopback address.
    plane = start_api_server(found, directory, address if Part.NODE in parts else "192.0.2.1", node.NAME)
    kubeconfig = write_kubeconfig(directory / "kubeconfig", plane, "admin")
    builder.add(
        *plane.processes,
        kubeconfig=str(kubeconfig),
        api_server=plane.url,
        admin_token=plane.tokens["admin"],
        audit_log=str(plane.audit_log),
        gateway=address,
    )
    if Part.CONTROLLERS in parts:
        builder.add(*start_controllers(found, directory, plane))
    if Part.NODE in parts:
        builder.add(node.start_containerd(directory), node_name=node.NAME)
        address_of_registry, process = start_registry(directory)
        builder.add(process, registry=address_of_registry)
        node.ensure_pause_image(directory)
        started = node.start_kubelet(found, directory, plane)
        builder.add(*started)
        processes.wait_until("node", lambda: node.node_is_ready(plane), started[0], logs=directory / "logs")
    if Part.PROMETHEUS in parts:
        port, started = start_prometheus(directory, plane.url, plane.tokens["admin"])
        builder.add(*started, prometheus=f"http://127.0.0.1:{port}")


def environment(cluster: Cluster) -> dict[str, str]:
    """Variables for commands that should talk to the cluster."""
    return {**os.environ, "KUBECONFIG": cluster.kubeconfig, "PATH": f"{cluster.binaries}:{os.environ['PATH']}"}
