"""The operator at scale, and Kubeflow Trainer's controller beside it: `make bench-operator`.

Nothing plays a kubelet here: what is measured is the way from an object to its first child. Counts are asserted; times depend on the machine
and are printed, against what they are meant to be."""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import builders
import devcluster
from bench.crowd import all_at_once, at_a_rate, created, percentile, waits
from bench.kubeflow_trainer import RUNTIME, KubeflowTrainer, install
from devcluster import Part
from faults.admin import AdminApi, upstream_session
from operator_process import OPERATOR_ACCOUNT, AuditLog, OperatorProcess, install_role
from raw_api import RawApi

THEIR_ACCOUNT = "admin"
RATE, BLOCK, BLOCKS, WARM = 10.0, 100, 3, 5
CROWD = 1000
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

    def path(self, namespace: str) -> str:
        return f"/apis/{self.api_version}/namespaces/{namespace}/{self.plural}"

    def body(self, name: str) -> dict[str, Any]:
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "metadata": {"name": name},
            "spec": self.spec,
        }


OURS = Side(
    "Tunewright", "tunewright.dev/v1alpha1", "FineTuneJob", "finetunejobs", "jobs", OPERATOR_ACCOUNT, builders.spec()
)
THEIRS = Side(
    "Kubeflow Trainer v2.0.0",
    "trainer.kubeflow.org/v1alpha1",
    "TrainJob",
    "trainjobs",
    "jobsets",
    THEIR_ACCOUNT,
    {"runtimeRef": {"name": RUNTIME}},
)


@dataclass
class Arena:
    """The API server that all of it happens on."""

    cluster: devcluster.Cluster
    api: RawApi
    kubeconfig: Path
    logs: Path
    rows: list[tuple[str, str, str, str]] = field(default_factory=list)
    """What, ours, theirs, what it is meant to be."""

    @property
    def audit(self) -> AuditLog:
        return AuditLog(Path(self.cluster.audit_log))

    def started(self, side: Side, namespace: str) -> Stop:
        """Start the controller of that side, alone, and let it and the API server warm up on a few objects; returns what stops it."""
        controller = (
            KubeflowTrainer(self.cluster, self.logs / "kubeflow.log")
            if side is THEIRS
            else OperatorProcess(self.kubeconfig, self.logs / "operator.log")
        )
        controller.start()
        audit = self.audit
        audit.mark()
        for number in range(WARM):
            self.api.create(side.path(namespace), side.body(f"w{number}"))
        until_created(audit, side, WARM)
        return controller.stop

    def namespace(self, name: str) -> str:
        self.api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        return name


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    name = f"bench-operator-{os.getpid()}"
    cluster = devcluster.up(name, frozenset({Part.CONTROL_PLANE}))
    api = RawApi(cluster)
    try:
        folder = tmp_path_factory.mktemp("operator")
        made = Arena(cluster, api, install_role(cluster, api, folder), folder)
        install(cluster)
        yield made
        _print(made)
    finally:
        api.close()
        devcluster.down(name)


@asynccontextmanager
async def administrator(arena: Arena) -> AsyncIterator[AdminApi]:
    async with upstream_session(arena.cluster, arena.cluster.admin_token) as session:
        yield AdminApi(session)


def creation(api: AdminApi, side: Side, namespace: str) -> Callable[[str], Awaitable[object]]:
    return lambda name: api.create(side.path(namespace), side.body(name))


def patiently(look: Callable[[], bool], what: str, seconds: float = 300) -> None:
    """Wait, and look seldom: what is looked at is slowed down by it, and no time is taken from here."""
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(LOOK_SECONDS)


def until_created(audit: AuditLog, side: Side, count: int) -> None:
    """Wait for so many children."""
    patiently(lambda: len(created(audit, side.children)) >= count, f"{count} {side.children}")


def ms(value: float) -> str:
    return f"{value:.0f} ms"


def test_ten_a_second(arena: Arena) -> None:
    found: dict[str, list[list[float]]] = {OURS.name: [], THEIRS.name: []}
    writes: dict[str, float] = {}
    for block in range(BLOCKS):
        for side in (OURS, THEIRS) if block % 2 == 0 else (THEIRS, OURS):
            namespace = arena.namespace(f"rate-{side.plural}-{block}")
            stop, audit = arena.started(side, namespace), arena.audit
            audit.mark()

            async def create(side: Side = side, namespace: str = namespace) -> None:
                async with administrator(arena) as api:
                    names = [f"x{number:05}" for number in range(BLOCK)]
                    await at_a_rate(names, creation(api, side, namespace), RATE)

            asyncio.run(create())
            until_created(audit, side, BLOCK)
            found[side.name].append(waits(created(audit, side.plural), created(audit, side.children)))
            # They run under the account that creates the objects.
            writes[side.name] = (len(audit.writes(side.account)) - (BLOCK if side is THEIRS else 0)) / BLOCK
            stop()
    for share, goal in ((0.5, "at most 25 ms"), (0.99, "at most 80 ms")):
        ours, theirs = (
            statistics.median(percentile(block, share) for block in found[side.name]) for side in (OURS, THEIRS)
        )
        arena.rows.append(
            (
                f"10 a second: creation to first child, p{share * 100:.0f} (median of {BLOCKS} blocks of {BLOCK})",
                ms(ours),
                ms(theirs),
                goal,
            )
        )
    arena.rows.append(
        (
            "writes for each until then",
            f"{writes[OURS.name]:.2f}",
            f"{writes[THEIRS.name]:.2f}",
            "an attempt is recorded before its Job is made",
        )
    )
    assert all(len(block) == BLOCK for blocks in found.values() for block in blocks)


def test_a_thousand_at_once(arena: Arena) -> None:
    seconds = {}
    for side in (OURS, THEIRS):
        namespace = arena.namespace(f"crowd-{side.plural}")
        stop, audit = arena.started(side, namespace), arena.audit
        audit.mark()

        async def create(side: Side = side, namespace: str = namespace) -> None:
            async with administrator(arena) as api:
                await all_at_once((f"y{number:05}" for number in range(CROWD)), creation(api, side, namespace))

        asyncio.run(create())
        until_created(audit, side, CROWD)
        owners, children = created(audit, side.plural), created(audit, side.children)
        first = min(asked for asked, _ in owners.values())
        seconds[side.name] = (max(answered for _, answered in children.values()) - first).total_seconds()
        assert len(children) == CROWD, "one child each"
        stop()
    arena.rows.append(
        (
            "1,000 at once: until the last first child",
            f"{seconds[OURS.name]:.1f} s",
            f"{seconds[THEIRS.name]:.1f} s",
            "within 20 s",
        )
    )


def _print(arena: Arena) -> None:
    head = "| what | Tunewright | Kubeflow Trainer v2.0.0 | meant to be |\n|---|---|---|---|\n"
    sys.stdout.write("\n" + head + "".join(f"| {' | '.join(row)} |\n" for row in arena.rows))
