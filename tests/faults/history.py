"""Reads what the API server has said about the objects of one trial, in the order in which it happened."""

from faults.exchange import Body
from faults.played_controllers import is_active
from tunewright_api import names


def controller_uid(body: Body) -> str | None:
    """Uid of the object that controls this one."""
    owners = (body.get("metadata") or {}).get("ownerReferences") or []
    return next((str(owner["uid"]) for owner in owners if owner.get("controller")), None)


def created_jobs(seen: list[Body]) -> list[Body]:
    """Every Job that was ever there, once."""
    first: dict[str, Body] = {}
    for event in seen:
        if event["kind"] == "Job":
            first.setdefault(event["object"]["metadata"]["uid"], event["object"])
    return list(first.values())


def jobs_by_attempt(seen: list[Body]) -> dict[tuple[str, str, str], set[str]]:
    """(owner's uid, step, attempt) -> uids of Jobs."""
    found: dict[tuple[str, str, str], set[str]] = {}
    for job in created_jobs(seen):
        owner, labels = controller_uid(job), job["metadata"].get("labels") or {}
        if owner is not None and names.ATTEMPT_LABEL in labels:
            key = (owner, labels[names.STEP_LABEL], labels[names.ATTEMPT_LABEL])
            found.setdefault(key, set()).add(job["metadata"]["uid"])
    return found


def active_jobs(seen: list[Body]) -> list[set[str]]:
    """After each change of a Job: the names of those of one FineTuneJob that may have pods, the largest such set."""
    alive: dict[str, Body] = {}
    found = []
    for event in seen:
        job = event["object"]
        if event["kind"] != "Job" or controller_uid(job) is None:
            continue
        alive.pop(job["metadata"]["uid"], None)
        if event["type"] != "DELETED" and is_active(job):
            alive[job["metadata"]["uid"]] = job
        owners: dict[str | None, set[str]] = {}
        for body in alive.values():
            owners.setdefault(controller_uid(body), set()).add(body["metadata"]["name"])
        found.append(max(owners.values(), key=len, default=set()))
    return found


def statuses(seen: list[Body]) -> dict[str, list[Body]]:
    """Uid of each FineTuneJob -> its statuses, oldest first."""
    found: dict[str, list[Body]] = {}
    for event in seen:
        if event["kind"] == "FineTuneJob" and event["type"] != "DELETED":
            found.setdefault(event["object"]["metadata"]["uid"], []).append(event["object"].get("status") or {})
    return found


def images_of(seen: list[Body]) -> dict[str, set[str]]:
    """Owner's uid -> the images of its Jobs."""
    found: dict[str, set[str]] = {}
    for job in created_jobs(seen):
        owner = controller_uid(job)
        if owner is not None:
            found.setdefault(owner, set()).add(job["spec"]["template"]["spec"]["containers"][0]["image"])
    return found
