"""The operator at scale, and Kubeflow Trainer's controller beside it: `make bench-operator`.

Nothing plays a kubelet here: what is measured is the way from an object to its first child, restarts, rest, and who delays whom. Counts are
asserted; times depend on the machine and are printed, against what they are meant to be, and go into docs/operator-performance.md."""

import asyncio
import statistics
import threading
import time
from collections.abc import Iterator

import pytest

from bench.arena import OURS, THEIRS, Arena, Row, arena_in, metric, patiently, until_created
from bench.crowd import Moments, created, percentile, waits
from bench.operator_page import publish
from operator_process import AuditLog, OperatorProcess
from raw_api import eventually

RATE, BLOCK, BLOCKS = 10.0, 100, 3
CROWD, IDLE, RUNNING, CHANGED = 1000, 4500, 500, 1000
REST_SECONDS = 120
LOOKS, DEPTH = "tunewright_operator_reconcile_seconds_count", "tunewright_operator_workqueue_depth"
UNTOLD = "tunewright_operator_events_waiting"


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with arena_in(tmp_path_factory.mktemp("operator")) as made:
        yield made
        publish(made)


def numbered(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number:05}" for number in range(count)]


def ms(value: float) -> str:
    return f"{value:.0f} ms"


def test_ten_a_second(arena: Arena) -> None:
    found: dict[str, list[list[float]]] = {OURS.name: [], THEIRS.name: []}
    writes: dict[str, float] = {}
    for block in range(BLOCKS):
        for side in (OURS, THEIRS) if block % 2 == 0 else (THEIRS, OURS):
            namespace = arena.namespace(f"rate-{side.plural}-{block}")
            stop, audit = arena.started(side, namespace), arena.audit
            asyncio.run(arena.create_at(RATE, side, namespace, numbered("x", BLOCK)))
            until_created(audit, side, BLOCK)
            time.sleep(2)
            found[side.name].append(waits(created(audit, side.plural), created(audit, side.children)))
            # They run under the account that creates the objects.
            writes[side.name] = (len(audit.writes(side.account)) - (BLOCK if side is THEIRS else 0)) / BLOCK
            stop()
    for share, goal in ((0.5, "at most 25 ms"), (0.99, "at most 80 ms")):
        figures = (statistics.median(percentile(block, share) for block in blocks) for blocks in found.values())
        what = f"10 a second: creation to first child, p{share * 100:.0f} (median of {BLOCKS} blocks of {BLOCK})"
        arena.rows.append(Row(what, *map(ms, figures), goal))
    counts = (f"{writes[side.name]:.2f}" for side in (OURS, THEIRS))
    arena.rows.append(Row("writes for each, until its first child is recorded", *counts, "as few as there can be"))
    arena.curves = {name: sorted(value for block in blocks for value in block) for name, blocks in found.items()}
    assert all(len(block) == BLOCK for blocks in found.values() for block in blocks)


def test_a_thousand_at_once(arena: Arena) -> None:
    seconds = []
    for side in (OURS, THEIRS):
        namespace = arena.namespace(f"crowd-{side.plural}")
        stop, audit = arena.started(side, namespace), arena.audit
        asyncio.run(arena.create_all(side, namespace, numbered("y", CROWD)))
        until_created(audit, side, CROWD)
        owners, children = created(audit, side.plural), created(audit, side.children)
        first = min(asked for asked, _ in owners.values())
        seconds.append((max(answered for _, answered in children.values()) - first).total_seconds())
        assert len(children) == CROWD, "one child each"
        stop()
    figures = (f"{each:.1f} s" for each in seconds)
    arena.rows.append(Row("1,000 at once: until the last first child", *figures, "within 20 s"))


def test_five_thousand_and_a_restart(arena: Arena) -> None:
    namespace = arena.namespace("many")
    only = {"TUNEWRIGHT_NAMESPACES": namespace}
    process = arena.operator(**only)
    process.start()
    idle = numbered("i", IDLE)
    asyncio.run(arena.create_all(OURS, namespace, idle, suspend=True))
    suspended = f'tunewright_jobs{{namespace="{namespace}",phase="Suspended"}}'
    patiently(lambda: metric(process, suspended) == IDLE, "all are suspended")
    at_rest(arena, process)
    audit = arena.audit
    asyncio.run(arena.create_all(OURS, namespace, numbered("r", RUNNING)))
    until_created(audit, OURS, RUNNING)
    process.stop()
    killed_in_converging(arena, only)
    audit = arena.audit
    last = arena.operator("replica-b", **only)
    changes = arena.patch_all(OURS, namespace, idle[:CHANGED], {"spec": {"suspend": False}})
    changing = threading.Thread(target=asyncio.run, args=(changes,))
    changing.start()
    last.start()
    changing.join()
    until_created(audit, OURS, CHANGED)
    found = {name.partition("-")[0] for name in created(audit, "jobs")}
    last.stop()
    lost = set(idle[:CHANGED]) - found
    arena.rows.append(Row("1,000 changes while a killed process starts again: lost", str(len(lost)), goal="0"))
    assert found == set(idle[:CHANGED])


def killed_in_converging(arena: Arena, only: dict[str, str]) -> None:
    """Start again, look at everything, and be killed."""
    process = arena.operator(**only)
    began = time.monotonic()
    process.start()
    eventually(
        lambda: metric(process, LOOKS) >= IDLE + RUNNING and metric(process, DEPTH) == 0, "each was looked at", 120
    )
    converged, use = time.monotonic() - began, process.use()
    process.kill()
    arena.rows += [
        Row("5,000 objects, 500 running: from the start of the process until each was looked at", f"{converged:.1f} s", goal="within 10 s"),
        Row("its memory at its peak", f"{use.peak_mebibytes:.0f} MiB", goal="under 200 MiB"),
    ]  # fmt: skip
    assert use.peak_mebibytes < 200


def at_rest(arena: Arena, process: OperatorProcess) -> None:
    """Nothing runs: no write, and next to no work."""
    patiently(lambda: metric(process, UNTOLD) == 0, "all events are written")
    time.sleep(5)
    audit, before, began = arena.audit, process.use(), time.monotonic()
    time.sleep(REST_SECONDS)
    after = process.use()
    share = (after.processor_seconds - before.processor_seconds) / (time.monotonic() - began)
    writes = audit.writes()
    arena.rows += [
        Row(f"4,500 objects at rest for {REST_SECONDS} s: writes", str(len(writes)), goal="0"),
        Row("processor time, share of a core", f"{share:.1%}", goal="under 3 %"),
    ]
    assert writes == []


def test_a_noisy_tenant_delays_nobody(arena: Arena) -> None:
    """Every Job of the noisy tenant is refused by its quota, and tried again and again."""
    noisy, quiet, calm = (arena.namespace(name) for name in ("noisy", "quiet", "calm"))
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"count/jobs.batch": "0"}}}
    arena.api.create(f"/api/v1/namespaces/{noisy}/resourcequotas", quota)
    process = arena.operator(TUNEWRIGHT_NAMESPACES=f"{noisy},{quiet},{calm}")
    process.start()
    found = {}
    for namespace, prefix in ((calm, "c"), (quiet, "q")):
        audit = arena.audit
        asyncio.run(arena.create_at(RATE, OURS, namespace, numbered(prefix, BLOCK)))
        patiently(lambda audit=audit, prefix=prefix: len(mine(audit, prefix)) >= BLOCK, "all have a Job")
        found[namespace] = percentile(waits(created(audit, "finetunejobs"), mine(audit, prefix)), 0.99)
        if namespace == calm:
            asyncio.run(arena.create_all(OURS, noisy, numbered("n", CROWD)))
    process.stop()
    figures = f"{ms(found[quiet])} (calm: {ms(found[calm])})"
    what = "p99 beside a tenant with 1,000 new Jobs that its quota refuses"
    arena.rows.append(Row(what, figures, goal="less than 100 ms more"))


def mine(audit: AuditLog, prefix: str) -> dict[str, Moments]:
    return {name: moments for name, moments in created(audit, "jobs").items() if name.startswith(prefix)}


def test_a_leader_that_is_killed(arena: Arena) -> None:
    namespace = arena.namespace("failover")
    first, second = (arena.operator(name, TUNEWRIGHT_NAMESPACES=namespace) for name in ("one", "two"))
    first.start()
    eventually(first.leads, "the first leads", 60)
    second.start()
    first.kill()
    killed, audit = time.monotonic(), arena.audit
    asyncio.run(arena.create_all(OURS, namespace, numbered("f", BLOCK)))
    until_created(audit, OURS, BLOCK)
    seconds = time.monotonic() - killed
    assert len([write for write in audit.writes() if write == "create jobs 201"]) == BLOCK
    second.stop()
    what = f"leader killed: until the other has made the first Jobs of {BLOCK} new objects"
    arena.rows.append(Row(what, f"{seconds:.1f} s", goal="within 20 s"))
