"""Which nodes the next attempt keeps away from. A tenant's run must not die five times of one broken GPU."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from tunewright_api.failures import FailureClass
from tunewright_api.status import MOST_EXCLUDED_NODES, AttemptRecord, Failure, StepStatus
from tunewright_operator.core.types import Observed, PodView, Settings

FAULTS_OF_THE_NODE = frozenset({FailureClass.NODE_FAULT, FailureClass.HANG})
NEVER_OF_THE_NODE = frozenset({FailureClass.PREEMPTED})
KILLED = 137
"""128 + SIGKILL."""
HOSTNAME = "kubernetes.io/hostname"


def excluded_after(step: StepStatus, failure: Failure, attempts: Iterable[AttemptRecord]) -> list[str]:
    """The nodes to keep away from after `failure`: one that is at fault, or on which the step has failed twice. The newest, if they are many."""
    node = failure.node
    if node is None or failure.failure_class in NEVER_OF_THE_NODE:
        return step.excluded_nodes
    again = any(
        (old.step, old.node) == (step.name, node)
        and old.attempt != step.attempt
        and old.failure_class is not None
        and old.failure_class not in NEVER_OF_THE_NODE
        for old in attempts
    )
    # A process that was killed while its node lives may be anybody's mishap: once proves nothing against the node.
    at_fault = failure.failure_class in FAULTS_OF_THE_NODE and failure.exit_code != KILLED
    if not at_fault and not again:
        return step.excluded_nodes
    kept = [other for other in step.excluded_nodes if other != node]
    return [*kept, node][-MOST_EXCLUDED_NODES:]


def exclusion_is_in_the_way(
    step: StepStatus, pods: tuple[PodView, ...], observed: Observed, settings: Settings
) -> bool:
    """Whether no other node has had room for so long that an excluded one is better than none: it may be the only one."""
    pod = next((pod for pod in pods if pod.unscheduled_message and pod.created), None)
    if not step.excluded_nodes or pod is None or pod.created is None:
        return False
    return observed.now - pod.created >= timedelta(seconds=settings.exclusion_patience_seconds)


def node_affinity(excluded: Iterable[str]) -> dict[str, Any] | None:
    """The affinity of a pod that keeps away from these nodes."""
    values = sorted(excluded)
    if not values:
        return None
    terms = [{"matchExpressions": [{"key": HOSTNAME, "operator": "NotIn", "values": values}]}]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
