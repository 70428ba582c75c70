"""What is left to do about a run that is over: its results are in status, so its Jobs may go when their time has come."""

from datetime import timedelta

from tunewright_operator.core.parse import parse_time
from tunewright_operator.core.types import DeleteJob, FineTuneJob, Observed, Plan


def clean_up(job: FineTuneJob, observed: Observed) -> Plan:
    """Keep the status as it is. Nothing here looks for a Job that is gone: a finished run has none that could vanish."""
    status = job.status.model_copy(update={"observed_generation": job.generation})
    left = [child for child in observed.jobs if child.owner_uid == job.uid and not child.deleting]
    finished = parse_time(status.completion_time)
    ttl = job.spec.ttl_seconds_after_finished if job.spec else None
    if ttl is None or finished is None or not left:
        return Plan(status)
    wait = (finished + timedelta(seconds=ttl) - observed.now).total_seconds()
    if wait > 0:
        return Plan(status, requeue_after=wait)
    return Plan(status, tuple(DeleteJob(child.name, child.uid) for child in left))
