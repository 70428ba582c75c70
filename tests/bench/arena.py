"""Where two controllers are compared: one API server, each of them alone on it in turn, and rows of a table for what was found."""

import os
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import builders
import devcluster
from bench.crowd import all_at_once, at_a_rate, created
from bench.kubeflow_trainer import RUNTIME, KubeflowTrainer, install
from devcluster import Part
from faults.admin import AdminApi, upstream_session
from operator_process import OPERATOR_ACCOUNT, AuditLog, OperatorProcess, install_role
from raw_api import RawApi

WARM = 5
LOOK_SECONDS = 2.0
Stop = Callable[[], None]


@dataclass(frozen=True)
class Side:
    """One of the two controllers, and what it is given to do."""

    name: str
    api_version: str
    kind: str
    plural: str
    children: str
    account: str
    spec: dict[str, Any]

    def path(self, namespace: str, name: str = "") -> str:
        return f"/apis/{self.api_version}/namespaces/{namespace}/{self.plural}" + (f"/{name}" if name else "")

    def body(self, name: str, **changes: Any) -> dict[str, Any]:
        spec = {**self.spec, **changes}
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": {"name": name}, "spec": spec}


OURS = Side(
    "Tunewright", "tunewright.dev/v1alpha1", "FineTuneJob", "finetunejobs", "jobs", OPERATOR_ACCOUNT, builders.spec()
)
THEIRS = Side(
    "Kubeflow Trainer v2.0.0",
    "trainer.kubeflow.org/v1alpha1",
    "TrainJob",
    "trainjobs",
    "jobsets",
    "admin",
    {"runtimeRef": {"name": RUNTIME}},
)


@dataclass(frozen=True)
class Row:
    """What was measured, of us, of them, and what it is meant to be."""

    what: str
    ours: str
    theirs: str = ""
    goal: str = ""

    def __str__(self) -> str:
        return f"| {self.what} | {self.ours} | {self.theirs} | {self.goal} |"


@dataclass
class Arena:
    """The API server that all of it happens on."""

    cluster: devcluster.Cluster
    api: RawApi
    kubeconfig: Path
    logs: Path
    rows: list[Row] = field(default_factory=list)
    curves: dict[str, list[float]] = field(default_factory=dict)
    """Milliseconds from creation to first child, by controller."""

    @property
    def audit(self) -> AuditLog:
        """What was asked of the API server from now on."""
        found = AuditLog(Path(self.cluster.audit_log))
        found.mark()
        return found

    def operator(self, name: str = "replica-a", **variables: str) -> OperatorProcess:
        return OperatorProcess(self.kubeconfig, self.logs / f"{name}.log", pod_name=name, variables=variables)

    def started(self, side: Side, namespace: str) -> Stop:
        """Start the controller of that side, alone, and let it and the API server warm up on a few objects; returns what stops it."""
        controller = KubeflowTrainer(self.cluster, self.logs / "kubeflow.log") if side is THEIRS else self.operator()
        controller.start()
        audit = self.audit
        for number in range(WARM):
            self.api.create(side.path(namespace), side.body(f"w{number}"))
        until_created(audit, side, WARM)
        return controller.stop

    def namespace(self, name: str) -> str:
        self.api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        return name

    @asynccontextmanager
    async def administrator(self) -> AsyncIterator[AdminApi]:
        async with upstream_session(self.cluster, self.cluster.admin_token) as session:
            yield AdminApi(session)

    async def create_all(self, side: Side, namespace: str, names: list[str], **changes: Any) -> None:
        """Create objects, many at once."""
        async with self.administrator() as api:
            await all_at_once(names, lambda name: api.create(side.path(namespace), side.body(name, **changes)))

    async def create_at(self, rate: float, side: Side, namespace: str, names: list[str]) -> None:
        """Create so many objects a second."""
        async with self.administrator() as api:
            await at_a_rate(names, lambda name: api.create(side.path(namespace), side.body(name)), rate)

    async def patch_all(self, side: Side, namespace: str, names: list[str], change: dict[str, Any]) -> None:
        """Merge a change into objects, many at once."""
        async with self.administrator() as api:
            await all_at_once(names, lambda name: api.patch(side.path(namespace, name), change))


@contextmanager
def arena_in(folder: Path) -> Iterator[Arena]:
    """An arena of its own, empty."""
    name = f"bench-operator-{os.getpid()}"
    cluster = devcluster.up(name, frozenset({Part.CONTROL_PLANE}))
    api = RawApi(cluster)
    try:
        kubeconfig = install_role(cluster, api, folder)
        install(cluster)
        yield Arena(cluster, api, kubeconfig, folder)
    finally:
        api.close()
        devcluster.down(name)


def patiently(look: Callable[[], bool], what: str, seconds: float = 300) -> None:
    """Wait, and look seldom: what is looked at is slowed down by it, and no time is taken from here."""
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(LOOK_SECONDS)


def until_created(audit: AuditLog, side: Side, count: int) -> None:
    """Wait for so many children."""
    patiently(lambda: len(created(audit, side.children)) >= count, f"{count} {side.children}")


def metric(process: OperatorProcess, name: str) -> float:
    """A figure that the operator tells of itself; -1 while it does not."""
    found = re.search(rf"^{re.escape(name)} (\S+)", process.fetch("/metrics") or "", re.MULTILINE)
    return float(found[1]) if found else -1.0
