"""The questions, O1 to O14: each looks at one outcome (and the calm reference) and names what is wrong. O15 is the mutation check."""

import collections
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from faults.exchange import Body, Exchange
from faults.history import (
    active_jobs,
    controller_uid,
    created_jobs,
    images_of,
    jobs_by_attempt,
    statuses,
)
from faults.masks import masked_status
from faults.steps_back import steps_back
from faults.trial import BYSTANDERS, NAME, Outcome
from operator_process import SYSTEM_NAMESPACE
from tunewright_api import names

Violations = list[str]
Oracle = Callable[[Outcome, Outcome], Violations]


def o1_end_state(outcome: Outcome, reference: Outcome) -> Violations:
    """The end is the one of the calm run, in every field that is not a time, a uid or a resourceVersion."""
    if outcome.ends_gone:
        return [] if outcome.job is None else ["the FineTuneJob is still there"]
    attempts = outcome.costs_attempts
    found, wanted = masked_status(outcome.job, attempts), masked_status(reference.job, attempts)
    return list(_differences("status", wanted, found))


def o2_counts(outcome: Outcome, reference: Outcome) -> Violations:
    """Each kind of object was created and deleted as often as in the calm run."""
    found, wanted = _counts(outcome), _counts(reference)
    if outcome.ends_gone:
        # How far it came is chance; O3 and O14 still count.
        return []
    if outcome.costs_attempts:
        too_few = {key for key in wanted if key[0] == "create" and found[key] < wanted[key]}
        return [f"{key}: {found[key]} instead of {wanted[key]}" for key in sorted(too_few)]
    keys = sorted({*found, *wanted})
    return [f"{key}: {found[key]} instead of {wanted[key]}" for key in keys if found[key] != wanted[key]]


def o3_one_job_an_attempt(outcome: Outcome, _: Outcome) -> Violations:
    """One Job for each (uid, step, attempt), ever, and only after the attempt is recorded; never two at once that may have pods."""
    doubled = [f"{key}: {len(uids)} Jobs" for key, uids in jobs_by_attempt(outcome.seen).items() if len(uids) > 1]
    return (
        doubled
        + _unrecorded(outcome)
        + [f"at once active: {sorted(together)}" for together in active_jobs(outcome.seen) if len(together) > 1]
    )


def o4_only_ours(outcome: Outcome, _: Outcome) -> Violations:
    """What is somebody else's is neither written nor deleted, and each write names the uid that it is meant for."""
    left = {job["metadata"]["name"]: job["metadata"] for job in outcome.children}
    found = []
    for before in outcome.bystanders:
        name, version = before["metadata"]["name"], before["metadata"]["resourceVersion"]
        if not outcome.ends_gone and left.get(name, {}).get("resourceVersion") != version:
            found.append(f"{name} was touched")
    owners = {body["object"]["metadata"]["uid"] for body in outcome.seen if body["kind"] == "FineTuneJob"}
    children = {
        uid for job in created_jobs(outcome.seen) if controller_uid(job) in owners for uid in [job["metadata"]["uid"]]
    }
    for exchange in _accepted(outcome):
        if (problem := _aim(exchange, owners, children)) is not None:
            found.append(f"{exchange}: {problem}")
    return found


def o5_liveness(outcome: Outcome, _: Outcome) -> Violations:
    """The end is reached in time after the last fault has cleared."""
    phase = ((outcome.job or {}).get("status") or {}).get("phase")
    return [] if outcome.reached else [f"the end was not reached; the phase is {phase}"]


def o6_monotone(outcome: Outcome, _: Outcome) -> Violations:
    """What was observed, tried or finished is never taken back; in the end the newest generation is observed."""
    found: Violations = []
    for uid, written in statuses(outcome.seen).items():
        for before, after in itertools.pairwise(written):
            found += [f"{uid}: {problem}" for problem in steps_back(before, after)]
    found += [
        f"{uid}: two images, {sorted(images)}" for uid, images in images_of(outcome.seen).items() if len(images) > 1
    ]
    if outcome.job is not None and not outcome.ends_gone:
        observed = (outcome.job.get("status") or {}).get("observedGeneration")
        if observed != outcome.job["metadata"]["generation"]:
            found.append(f"generation {outcome.job['metadata']['generation']} is there, {observed} observed")
    return found


def o7_quiescence(outcome: Outcome, _: Outcome) -> Violations:
    """At rest nothing is written."""
    return [f"at rest: {exchange}" for exchange in outcome.late]


def o8_nothing_stuck(outcome: Outcome, _: Outcome) -> Violations:
    """Nothing waits for a finalizer, and nothing of ours is active after the end."""
    found = [
        f"{job['metadata']['name']} is stuck" for job in outcome.children if "deletionTimestamp" in job["metadata"]
    ]
    if outcome.job is not None and outcome.job["metadata"].get("finalizers"):
        found.append("the FineTuneJob has a finalizer")
    left = active_jobs(outcome.seen)[-1:] or [set()]
    return found + [f"still active: {name}" for name in sorted(left[0])] if outcome.reached else found


def o9_own_namespace(outcome: Outcome, _: Outcome) -> Violations:
    """No request leaves the namespace, except for the lease and the discovery of kinds."""
    return [
        f"{exchange}: {exchange.path}"
        for exchange in outcome.exchanges
        if exchange.resource
        and exchange.namespace != outcome.namespace
        and not (exchange.resource == "leases" and exchange.namespace == SYSTEM_NAMESPACE)
    ]


def o10_no_word_twice(outcome: Outcome, _: Outcome) -> Violations:
    """No status is written that changes nothing, and no transition is told twice, restarts included."""
    told = collections.Counter(
        (body["message"], body["involvedObject"]["uid"])
        for exchange in _accepted(outcome)
        if exchange.resource == "events" and (body := exchange.body)
    )
    twice = [f"told {count} times: {message}" for (message, _), count in told.items() if count > 1]
    return twice + [
        f"{exchange} changed nothing"
        for exchange in _accepted(outcome)
        if exchange.subresource == "status" and _idle(exchange)
    ]


def o11_bounded(outcome: Outcome, _: Outcome) -> Violations:
    """One watch a kind and process in the end, however often they broke."""
    doubled = [watch for watch, count in collections.Counter(outcome.open_watches).items() if count > 1]
    return [f"watched twice: {watch}" for watch in doubled]


def o12_fenced(outcome: Outcome, _: Outcome) -> Violations:
    """A replica that has been replaced writes nothing that takes effect."""
    return [
        f"after it was replaced: {exchange}"
        for process, since in outcome.fenced_at.items()
        for exchange in outcome.exchanges[since:]
        if exchange.process == process and exchange.is_write and exchange.accepted
    ]


def o13_no_crash(outcome: Outcome, _: Outcome) -> Violations:
    """No process ends by itself, and no log shows a stack."""
    return outcome.exits + [line[:300] for line in outcome.tracebacks]


def o14_budget(outcome: Outcome, reference: Outcome) -> Violations:
    """No more Jobs that ask for a GPU than the calm run had, and those that the fault itself has ended."""
    allowed = len(_gpu_jobs(reference)) + outcome.allowance
    found = len(_gpu_jobs(outcome))
    return [f"{found} Jobs asked for a GPU, {allowed} were due"] if found > allowed else []


ORACLES: dict[str, Oracle] = {
    "O1": o1_end_state,
    "O2": o2_counts,
    "O3": o3_one_job_an_attempt,
    "O4": o4_only_ours,
    "O5": o5_liveness,
    "O6": o6_monotone,
    "O7": o7_quiescence,
    "O8": o8_nothing_stuck,
    "O9": o9_own_namespace,
    "O10": o10_no_word_twice,
    "O11": o11_bounded,
    "O12": o12_fenced,
    "O13": o13_no_crash,
    "O14": o14_budget,
}


def judge(outcome: Outcome, reference: Outcome) -> dict[str, Violations]:
    """Every oracle's violations."""
    return {name: oracle(outcome, reference) for name, oracle in ORACLES.items()}


def _unrecorded(outcome: Outcome) -> Violations:
    """Jobs that were made before any status spoke of them: after a crash nobody would know."""
    recorded: set[str] = set()
    found = []
    for exchange in outcome.exchanges:
        if exchange.subresource == "status" and exchange.accepted:
            steps = ((exchange.answer or {}).get("status") or {}).get("steps") or []
            recorded |= {str(step.get("jobName")) for step in steps}
        elif (
            (exchange.verb, exchange.resource) == ("create", "jobs")
            and exchange.accepted
            and exchange.name not in recorded
        ):
            found.append(f"{exchange}: its attempt was not recorded before")
    return found


def _accepted(outcome: Outcome) -> list[Exchange]:
    return [exchange for exchange in outcome.exchanges if exchange.is_write and exchange.accepted]


def _differences(where: str, wanted: Any, found: Any) -> Iterator[str]:
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in sorted({*wanted, *found}):
            yield from _differences(f"{where}.{key}", wanted.get(key), found.get(key))
    elif wanted != found:
        yield f"{where}: {found!r} instead of {wanted!r}"


def _counts(outcome: Outcome) -> collections.Counter[tuple[str, str]]:
    """By verb and step: what the API server has done, whoever asked for it. A watch that begins anew shows an object again."""
    events = {
        (event["type"], event["object"]["metadata"]["uid"]): event["object"]["metadata"]["labels"][names.STEP_LABEL]
        for event in outcome.seen
        if event["kind"] == "Job" and event["object"]["metadata"]["name"] not in BYSTANDERS
    }
    verbs = {"ADDED": "create", "DELETED": "delete"}
    return collections.Counter((verbs[type_], step) for (type_, _), step in events.items() if type_ in verbs)


def _aim(exchange: Exchange, owners: set[str], children: set[str]) -> str | None:
    """Why a write is not aimed at something of ours; None when it is."""
    body: Body = exchange.body or {}
    target = (exchange.verb, exchange.resource, exchange.subresource)
    if target == ("patch", "finetunejobs", "status"):
        metadata = body.get("metadata") or {}
        aimed = exchange.name == NAME and metadata.get("uid") in owners and metadata.get("resourceVersion")
        return None if aimed else "names no uid and version of a FineTuneJob"
    if target == ("create", "jobs", ""):
        return None if controller_uid(body) in owners else "has no owner that was ever here"
    if target == ("delete", "jobs", ""):
        aimed = (body.get("preconditions") or {}).get("uid") in children
        return None if aimed and body.get("propagationPolicy") == "Foreground" else "is not limited to a Job of ours"
    if target == ("create", "events", ""):
        return None if (body.get("involvedObject") or {}).get("uid") in owners else "is about something else"
    return "is a write that the operator has no reason for"


def _idle(exchange: Exchange) -> bool:
    """Whether a patch has left the resourceVersion as it was."""
    sent = ((exchange.body or {}).get("metadata") or {}).get("resourceVersion")
    answered = ((exchange.answer or {}).get("metadata") or {}).get("resourceVersion")
    return sent is not None and sent == answered


def _gpu_jobs(outcome: Outcome) -> list[Body]:
    return [
        job
        for job in created_jobs(outcome.seen)
        if job["metadata"]["name"] not in BYSTANDERS
        and (job["spec"]["template"]["spec"]["containers"][0].get("resources") or {}).get("limits")
    ]
