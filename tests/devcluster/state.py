"""What is known about a running cluster, and where it is kept."""

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path


class Part(StrEnum):
    """A part of the cluster."""

    CONTROL_PLANE = "control-plane"
    CONTROLLERS = "controllers"
    NODE = "node"
    S3 = "s3"
    PROMETHEUS = "prometheus"


IMPLIED = {
    Part.CONTROL_PLANE: frozenset[Part](),
    Part.CONTROLLERS: frozenset({Part.CONTROL_PLANE}),
    Part.NODE: frozenset({Part.CONTROL_PLANE, Part.CONTROLLERS}),
    Part.S3: frozenset[Part](),
    Part.PROMETHEUS: frozenset({Part.CONTROL_PLANE}),
}
ALL_PARTS = frozenset(Part)


def with_implied(parts: frozenset[Part]) -> frozenset[Part]:
    """The parts and those that they need."""
    return parts.union(*(IMPLIED[part] for part in parts))


def cache_directory() -> Path:
    """Where binaries, images and models are kept, outside every checkout."""
    chosen = os.environ.get("TUNEWRIGHT_CACHE")
    return Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tunewright"


def cluster_directory(name: str) -> Path:
    """Logs, keys and state of one cluster."""
    return cache_directory() / "clusters" / name


@dataclass(frozen=True)
class Process:
    """A process of ours: the start time tells it from a later one with the same number."""

    name: str
    pid: int
    start_ticks: int


@dataclass(frozen=True)
class Cluster:
    """A running cluster. Addresses are `host:port`; empty where the part is not there."""

    name: str
    parts: list[str]
    directory: str
    binaries: str = ""
    kubeconfig: str = ""
    api_server: str = ""
    admin_token: str = ""
    audit_log: str = ""
    gateway: str = ""
    """Address of the host as pods see it."""
    node_name: str = ""
    registry: str = ""
    s3_endpoint: str = ""
    """S3 as the host sees it."""
    s3_pod_endpoint: str = ""
    """S3 as pods see it."""
    s3_access_key: str = ""
    s3_secret_key: str = ""
    prometheus: str = ""
    processes: list[Process] = field(default_factory=list)

    @property
    def logs(self) -> Path:
        """Folder with one log a process."""
        return Path(self.directory) / "logs"

    def save(self) -> None:
        """Write the state; readers see the old or the new one, never half of it."""
        target = Path(self.directory) / "state.json"
        part = target.with_suffix(".part")
        part.write_text(json.dumps(asdict(self), indent=1))
        os.replace(part, target)


def load_state(name: str) -> Cluster | None:
    """The state of a cluster that was started and not yet taken down."""
    path = cluster_directory(name) / "state.json"
    if not path.is_file():
        return None
    values = json.loads(path.read_text())
    return Cluster(**{**values, "processes": [Process(**process) for process in values["processes"]]})


def remove_state(name: str) -> None:
    """Forget a cluster."""
    shutil.rmtree(cluster_directory(name), ignore_errors=True)
