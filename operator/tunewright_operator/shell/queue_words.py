"""Why Kueue has not admitted a Job, in its own words. They are read from the events of its Workloads, so that the operator needs no right on Workloads, and no Kueue."""

from tunewright_operator.shell.event_words import EventWords

PENDING_WORKLOADS = "involvedObject.kind=Workload,reason=Pending"
SHORTEST_CUT = 57
"""Kueue cuts long names here before it adds a hash."""


async def queue_words(events: EventWords, namespace: str, job_name: str) -> str:
    """What Kueue says of a Job; empty if it has said nothing."""
    said = await events.of(namespace, PENDING_WORKLOADS)
    return next((each.words for each in reversed(said) if is_workload_of(job_name, each.name)), "")


def is_workload_of(job_name: str, workload: str) -> bool:
    """Whether Kueue has named a Workload after this Job: its kind, its name (cut, if long) and a hash."""
    prefix, full = workload.rpartition("-")[0], f"job-{job_name}"
    return prefix == full or (len(prefix) >= SHORTEST_CUT and full.startswith(prefix))
