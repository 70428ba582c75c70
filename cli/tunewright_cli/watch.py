"""`tunewright watch NAME`: live progress from the cluster, until the run is over. Outlives restarts of operator and API server."""

import argparse
import sys
import time

from tunewright_api.conditions import ConditionType, find
from tunewright_api.failures import FailureClass, exit_code
from tunewright_api.status import FineTuneJobStatus, Phase
from tunewright_cli.cluster import Cluster, ClusterProblem, ClusterUnreachable
from tunewright_cli.story import parse_status

PAUSE_SECONDS = 2
PATIENCE_SECONDS = 300


def main(arguments: argparse.Namespace) -> int:
    """Print a line whenever something has changed; the exit code is that of the run."""
    try:
        cluster = Cluster()
        return _follow(cluster, arguments.namespace or cluster.namespace, arguments.name)
    except ClusterProblem as problem:
        sys.stderr.write(f"{problem}\n")
        return 1


def _follow(cluster: Cluster, namespace: str, name: str) -> int:
    last, reached = "", time.monotonic()
    while True:
        try:
            status = parse_status(cluster.get(namespace, name))
            reached = time.monotonic()
        except ClusterUnreachable:
            if time.monotonic() - reached > PATIENCE_SECONDS:
                raise
            time.sleep(PAUSE_SECONDS)
            continue
        line = describe(status)
        if line != last:
            print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)
            last = line
        if status.phase in (Phase.COMPLETE, Phase.FAILED, Phase.CANCELLED):
            return _finish(status)
        time.sleep(PAUSE_SECONDS)


def describe(status: FineTuneJobStatus) -> str:
    """One line: phase, step, and what is happening."""
    if status.phase is None:
        return "Pending     waiting for the operator"
    progress = status.progress
    parts = [f"{status.phase:<10}", f"{status.step or '':<12}"]
    if status.phase is Phase.RUNNING and progress is not None and progress.step == status.step:
        parts.append(progress.summary or progress.activity)
        if progress.loss is not None:
            parts.append(f"loss {progress.loss:.3f}")
        if progress.tokens_per_second:
            parts.append(f"{progress.tokens_per_second:.0f} tokens/s")
        if progress.eta_seconds:
            parts.append(f"{progress.eta_seconds // 60}:{progress.eta_seconds % 60:02d} left")
    else:
        leading = find(status.conditions, ConditionType.FINISHED)
        parts.append(leading.message if leading else "")
    return "  ".join(part for part in parts if part)


def _finish(status: FineTuneJobStatus) -> int:
    if status.phase is Phase.COMPLETE:
        for metric in status.evaluation.metrics if status.evaluation else []:
            print(
                f"  {metric.name:<20} base {metric.base:8.4f}   tuned {metric.tuned:8.4f}   {metric.difference:+.4f} ({metric.low:+.4f} to {metric.high:+.4f})  {metric.verdict}"
            )
        return 0
    failure = status.failure
    if failure is None:
        return 1
    sys.stderr.write(f"{failure.failure_class}: {failure.message}\n{failure.hint}\n")
    return exit_code(FailureClass(failure.failure_class))
