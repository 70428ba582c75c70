"""Each oracle can fail: a good record violates none, and a record that is broken in one place violates the one that asks for it."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from faults.exchange import Body, Exchange
from faults.mutations import MUTATIONS, PACKAGE, ROOT
from faults.oracles import ORACLES, judge
from faults.scenarios import SCENARIOS
from faults.trial import Outcome
from operator_process import SYSTEM_NAMESPACE
from tunewright_api import names

NAMESPACE, UID, JOB_UID = "f1", "11111111-aaaa", "22222222-bbbb"
STATUS_PATH = f"/apis/tunewright.dev/v1alpha1/namespaces/{NAMESPACE}/finetunejobs/demo/status"
JOBS_PATH = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"


def fine_tune_job(version: int, **status: Any) -> Body:
    metadata = {"name": "demo", "namespace": NAMESPACE, "uid": UID, "generation": 1, "resourceVersion": str(version)}
    step = {"name": "train-sft", "state": "Succeeded", "attempt": 1, "jobUID": JOB_UID, "retries": {"Preempted": 1}}
    finished = {"type": "Finished", "status": "True", "reason": "Completed", "message": "", "lastTransitionTime": "t"}
    whole = {"observedGeneration": 1, "runAttempt": 1, "phase": "Complete", "steps": [step], "conditions": [finished]}
    return {"metadata": metadata, "status": {**whole, **status}}


def job(attempt: int = 1, uid: str = JOB_UID, owner: str | None = UID, image: str = "trainer:1", **status: Any) -> Body:
    name = f"demo-11111111-train-sft-a{attempt}"
    labels = {names.STEP_LABEL: "train-sft", names.ATTEMPT_LABEL: str(attempt)}
    owners = [{"uid": owner, "controller": True}] if owner else []
    container = {"image": image, "resources": {"limits": {"nvidia.com/gpu": "1"}}}
    metadata = {"name": name, "uid": uid, "labels": labels, "ownerReferences": owners, "resourceVersion": "7"}
    return {"metadata": metadata, "spec": {"template": {"spec": {"containers": [container]}}}, "status": status}


COMPLETE: dict[str, Any] = {"conditions": [{"type": "Complete", "status": "True"}]}


def seen(type_: str, kind: str, body: Body) -> Body:
    return {"type": type_, "kind": kind, "object": body}


def write(
    method: str, path: str, body: Body, status: int = 200, process: str = "replica-a/1", answer: Body | None = None
) -> Exchange:
    return Exchange(process, method, path, {}, body, status, answer, forwarded=True, number=1)


def status_write(version: str = "5", answered: str = "6", **metadata: Any) -> Exchange:
    body = {"metadata": {"uid": UID, "resourceVersion": version, **metadata}, "status": {}}
    return write("PATCH", STATUS_PATH, body, answer={"metadata": {"resourceVersion": answered}})


def record() -> Exchange:
    exchange = status_write()
    assert exchange.answer is not None
    exchange.answer["status"] = {"steps": [{"jobName": "demo-11111111-train-sft-a1"}]}
    return exchange


def told(message: str) -> Exchange:
    return write(
        "POST", f"/api/v1/namespaces/{NAMESPACE}/events", {"message": message, "involvedObject": {"uid": UID}}, 201
    )


def good() -> Outcome:
    bystander = {"metadata": {"name": "bystander", "uid": "33333333", "resourceVersion": "3"}}
    return Outcome(
        SCENARIOS[0],
        "calm",
        NAMESPACE,
        exchanges=[record(), write("POST", JOBS_PATH, job(), 201), told("it began")],
        seen=[
            seen("ADDED", "FineTuneJob", fine_tune_job(4)),
            seen("ADDED", "Job", job()),
            seen("MODIFIED", "Job", job(**COMPLETE)),
        ],
        job=fine_tune_job(8),
        children=[job(**COMPLETE), bystander],
        bystanders=[bystander],
        reached=True,
    )


def ending(**status: Any) -> Callable[[Outcome], None]:
    def harm(outcome: Outcome) -> None:
        outcome.job = fine_tune_job(9, **status)

    return harm


def later(**status: Any) -> Callable[[Outcome], None]:
    return lambda outcome: outcome.seen.append(seen("MODIFIED", "FineTuneJob", fine_tune_job(9, **status)))


def happening(*events: Body) -> Callable[[Outcome], None]:
    return lambda outcome: outcome.seen.extend(copy.deepcopy(list(events)))


def writing(*exchanges: Exchange) -> Callable[[Outcome], None]:
    return lambda outcome: outcome.exchanges.extend(exchanges)


def setting(**values: Any) -> Callable[[Outcome], None]:
    def harm(outcome: Outcome) -> None:
        for name, value in values.items():
            setattr(outcome, name, value)

    return harm


STEP = {"name": "train-sft", "state": "Running", "attempt": 1, "jobUID": JOB_UID, "retries": {"Preempted": 1}}
UNFINISHED = {"type": "Finished", "status": "False", "reason": "x", "message": "", "lastTransitionTime": "t"}
OTHERS = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs/bystander"
FOREGROUND = {"propagationPolicy": "Foreground", "preconditions": {"uid": JOB_UID}}
OWN = f"{JOBS_PATH}/demo-11111111-train-sft-a1"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM_NAMESPACE}/leases/f1"


def test_a_good_record_violates_no_oracle() -> None:
    assert {name: texts for name, texts in judge(good(), good()).items() if texts} == {}


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(writing(write("DELETE", OWN, FOREGROUND)), id="a-deletion-in-the-foreground-of-a-job-of-ours"),
        pytest.param(writing(write("PUT", LEASE, {})), id="a-lease-elsewhere"),
        pytest.param(writing(write("PATCH", STATUS_PATH, {}, status=409)), id="a-write-that-was-refused"),
        pytest.param(ending(startTime="2026-01-01T00:00:00Z"), id="another-time"),
    ],
)
def test_what_is_right_is_not_held_against_it(harm: Callable[[Outcome], None]) -> None:
    outcome = good()
    harm(outcome)
    assert {name: texts for name, texts in judge(outcome, good()).items() if texts} == {}


@pytest.mark.parametrize(
    ("oracle", "harm"),
    [
        pytest.param("O1", ending(phase="Failed"), id="another-phase"),
        pytest.param("O1", ending(steps=[{**STEP, "state": "Succeeded", "attempt": 2}]), id="another-attempt"),
        pytest.param("O1", setting(job=None), id="no-object"),
        pytest.param("O2", happening(seen("ADDED", "Job", job(2, "44"))), id="a-job-too-many"),
        pytest.param("O2", happening(seen("DELETED", "Job", job())), id="a-deletion-too-many"),
        pytest.param("O3", happening(seen("ADDED", "Job", job(1, "44"))), id="two-jobs-for-one-attempt"),
        pytest.param(
            "O3", happening(*(seen("ADDED", "Job", job(n, f"4{n}")) for n in (2, 3))), id="two-active-at-once"
        ),
        pytest.param("O3", lambda outcome: outcome.exchanges.reverse(), id="a-job-made-before-its-attempt-is-recorded"),
        pytest.param("O4", setting(children=[job(**COMPLETE)]), id="a-bystander-deleted"),
        pytest.param("O4", writing(status_write(uid="99")), id="a-status-of-another-uid"),
        pytest.param("O4", writing(status_write(resourceVersion=None)), id="a-status-of-any-version"),
        pytest.param("O4", writing(write("POST", JOBS_PATH, job(owner="99"), 201)), id="a-job-for-a-stranger"),
        pytest.param(
            "O4",
            writing(write("DELETE", OTHERS, {**FOREGROUND, "preconditions": {"uid": "33333333"}})),
            id="a-strangers-job-deleted",
        ),
        pytest.param(
            "O4", writing(write("DELETE", OWN, {"propagationPolicy": "Foreground"})), id="a-deletion-of-any-uid"
        ),
        pytest.param(
            "O4", writing(write("DELETE", OWN, {**FOREGROUND, "propagationPolicy": "Orphan"})), id="pods-orphaned"
        ),
        pytest.param("O4", writing(write("PATCH", OWN, {})), id="a-job-patched"),
        pytest.param("O5", setting(reached=False), id="no-end"),
        pytest.param("O6", later(observedGeneration=0), id="observed-generation-back"),
        pytest.param("O6", later(runAttempt=0), id="run-attempt-back"),
        pytest.param("O6", later(conditions=[UNFINISHED]), id="finished-and-then-not"),
        pytest.param("O6", later(conditions=[]), id="a-condition-gone"),
        pytest.param(
            "O6",
            later(conditions=[{**UNFINISHED, "status": "True", "lastTransitionTime": "u"}]),
            id="a-new-time-without-a-change",
        ),
        pytest.param("O6", later(steps=[STEP]), id="succeeded-and-then-running"),
        pytest.param("O6", later(steps=[]), id="a-step-gone"),
        pytest.param("O6", later(steps=[{**STEP, "state": "Succeeded", "attempt": 0}]), id="attempts-back"),
        pytest.param(
            "O6", later(steps=[{**STEP, "state": "Succeeded", "jobUID": "44"}]), id="another-job-for-the-attempt"
        ),
        pytest.param("O6", later(steps=[{**STEP, "state": "Succeeded", "retries": {}}]), id="retries-forgotten"),
        pytest.param("O6", ending(observedGeneration=0), id="the-newest-generation-not-observed"),
        pytest.param(
            "O6", happening(seen("ADDED", "Job", job(2, "44", image="trainer:2"))), id="two-images-in-one-run"
        ),
        pytest.param("O7", setting(late=[told("again")]), id="a-write-at-rest"),
        pytest.param("O8", setting(seen=[seen("ADDED", "Job", job())]), id="active-after-the-end"),
        pytest.param(
            "O8", setting(job={"metadata": {"finalizers": ["x"], "generation": 1}, "status": {}}), id="a-finalizer"
        ),
        pytest.param("O9", writing(write("GET", "/api/v1/namespaces/other/pods", {})), id="another-namespace"),
        pytest.param("O9", writing(write("GET", "/api/v1/pods", {})), id="all-namespaces"),
        pytest.param("O10", writing(told("it began")), id="a-word-twice"),
        pytest.param("O10", writing(status_write("6", "6")), id="a-status-that-changes-nothing"),
        pytest.param("O11", setting(open_watches=["replica-a/1 pods", "replica-a/1 pods"]), id="a-kind-watched-twice"),
        pytest.param("O12", setting(fenced_at={"replica-a/1": 0}), id="a-write-of-a-replaced-replica"),
        pytest.param("O13", setting(exits=["replica-a/1 ended with 1"]), id="a-process-that-ends"),
        pytest.param("O13", setting(tracebacks=["Traceback"]), id="a-stack-in-the-log"),
        pytest.param("O14", happening(seen("ADDED", "Job", job(2, "44"))), id="a-gpu-too-many"),
    ],
)
def test_an_oracle_notices(oracle: str, harm: Callable[[Outcome], None]) -> None:
    outcome = good()
    harm(outcome)
    assert ORACLES[oracle](outcome, good()) != []


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name.replace(" ", "-"))
def test_a_mutation_still_has_something_to_break(mutation: Any) -> None:
    assert (ROOT / "operator" / PACKAGE / mutation.file).read_text().count(mutation.old) == 1
