"""The operator as a process against a real API server and Job controller, under the chart's own role; the test plays the kubelet."""

import collections
import json
import time
from collections import Counter
from pathlib import Path

import pytest

import devcluster
from builders import STEPS
from operator_process import AuditLog, OperatorProcess
from played_kubelet import Ending, PlayedKubelet, success
from raw_api import RawApi, eventually
from tunewright_api import names
from tunewright_api.adapter_monitor import MonitorReport
from tunewright_api.failures import PREEMPTED_EXIT_CODE
from tunewright_api.run import ProgressReport, RunConfig
from tunewright_api.status import Progress
from tunewright_operator.shell.leases import LeaseTimes
from watched_run import GROUP, Run, answering_pod, child, until

LEASE_SECONDS = LeaseTimes().duration


def test_a_run_goes_through_all_steps_to_a_published_adapter(
    api: RawApi, namespace: str, kubelet: PlayedKubelet, operator_of_all_namespaces: OperatorProcess, audit: AuditLog
) -> None:
    run = Run(api, namespace).create()
    status = run.wait_for_phase("Complete")

    assert [(step["name"], step["state"], step["attempt"]) for step in status["steps"]] == [
        (step, "Succeeded", 1) for step in STEPS
    ]
    assert status["adapter"]["uri"] == f"s3://out/adapters/{namespace}/demo/{status['runId']}/adapter"
    assert status["dataset"]["rows"] == 10
    assert run.condition("Complete")["status"] == run.condition("Finished")["status"] == "True"
    assert sorted(run.jobs()) == sorted(child(run, step) for step in STEPS)

    def reasons() -> Counter[str]:
        events = api.items(f"/api/v1/namespaces/{namespace}/events", fieldSelector="involvedObject.kind=FineTuneJob")
        return Counter(event["reason"] for event in events)

    # They are written beside the work.
    eventually(lambda: reasons()["Completed"], "the last event is written")
    assert reasons()["StepSucceeded"] == len(STEPS)
    assert reasons()["RunStarted"] == reasons()["Completed"] == 1

    metadata = run.object()["metadata"]
    assert "finalizers" not in metadata
    assert "annotations" not in metadata
    assert audit.forbidden() == []
    counts = collections.Counter(write.rsplit(" ", 1)[0] for write in audit.writes())
    assert counts["create jobs"] == len(STEPS)
    # Recorded, created, scheduled, running: at most four status writes a step, and one at the end.
    assert counts["patch finetunejobs"] <= 4 * len(STEPS) + 2, counts
    assert set(counts) == {"create jobs", "create events", "patch finetunejobs/status"}, counts


def test_each_step_is_told_the_digests_of_the_steps_before(
    api: RawApi, namespace: str, kubelet: PlayedKubelet, operator: OperatorProcess
) -> None:
    told: dict[str, list[str]] = {}

    def script(config: RunConfig) -> Ending:
        told[config.step] = sorted(config.inputs)
        return success(config)

    kubelet.script = script
    Run(api, namespace).create().wait_for_phase("Complete")
    assert told == {step: sorted(STEPS[:index]) for index, step in enumerate(STEPS)}


def test_progress_of_the_running_pod_reaches_the_status(
    api: RawApi, namespace: str, kubelet: PlayedKubelet, operator: OperatorProcess
) -> None:
    kubelet.script = until("train-sft")
    progress = Progress(step="train-sft", global_step=7, total_steps=40, summary="sft 7/40", loss=2.5)
    with answering_pod("/progress", ProgressReport(progress=progress)):
        run = Run(api, namespace).create()
        eventually(lambda: run.status().get("progress", {}).get("summary") == "sft 7/40", "progress", 30)
        assert run.status()["progress"]["loss"] == 2.5


def test_a_monitor_gets_one_deployment_and_its_report_reaches_the_status(
    api: RawApi, namespace: str, kubelet: PlayedKubelet, operator: OperatorProcess, audit: AuditLog
) -> None:
    monitors = f"{GROUP}/namespaces/{namespace}/adaptermonitors"
    endpoint = {"url": "http://vllm:8000/v1", "adapterModel": "support"}
    body = {"spec": {"adapterUri": "s3://adapters/support", "endpoint": endpoint}, "metadata": {"name": "support"}}
    with answering_pod("/report", MonitorReport(reachable=True, reachable_message="It answers.")):
        api.create(monitors, {"apiVersion": names.API_VERSION, "kind": "AdapterMonitor", **body})

        def reachable() -> bool:
            conditions = api.get(f"{monitors}/support").get("status", {}).get("conditions", [])
            return any(found["type"] == "Reachable" and found["status"] == "True" for found in conditions)

        eventually(reachable, "the report", 45)
    deployments = api.items(f"/apis/apps/v1/namespaces/{namespace}/deployments")
    assert [found["metadata"]["name"] for found in deployments] == ["support-monitor"]
    assert len([write for write in audit.writes() if write.startswith("patch deployments")]) == 1
    assert audit.forbidden() == []
    api.delete(f"{monitors}/support")
    # The garbage collector learns of a new kind every 30 s only.
    eventually(lambda: not api.items(f"/apis/apps/v1/namespaces/{namespace}/deployments"), "the Deployment is gone", 90)


def test_a_strangers_deployment_of_a_monitors_name_is_left_alone_and_told(
    api: RawApi, namespace: str, operator: OperatorProcess
) -> None:
    labels = {"app": "theirs"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "x", "image": "x"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    deployments = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    theirs = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "support-monitor"}, "spec": spec}
    api.create(deployments, theirs)
    monitors = f"{GROUP}/namespaces/{namespace}/adaptermonitors"
    endpoint = {"url": "http://vllm:8000/v1", "adapterModel": "support"}
    body = {"spec": {"adapterUri": "s3://adapters/support", "endpoint": endpoint}, "metadata": {"name": "support"}}
    api.create(monitors, {"apiVersion": names.API_VERSION, "kind": "AdapterMonitor", **body})

    def stalled() -> str:
        conditions = api.get(f"{monitors}/support").get("status", {}).get("conditions", [])
        return next(
            (item["message"] for item in conditions if (item["type"], item["status"]) == ("Stalled", "True")), ""
        )

    assert "belongs to somebody else" in eventually(stalled, "it is said")
    assert "ownerReferences" not in api.get(f"{deployments}/support-monitor")["metadata"]


def test_a_suspended_run_has_no_pods_and_goes_on_with_a_new_attempt(
    api: RawApi, namespace: str, kubelet: PlayedKubelet, operator: OperatorProcess
) -> None:
    kubelet.script = until("train-sft")
    run = Run(api, namespace).create()
    eventually(
        lambda: run.step("train-sft").get("jobUID") and run.condition("Admitted").get("reason") == "PodsRunning",
        "training",
    )
    run.patch(suspend=True)
    run.wait_for_phase("Suspended")
    assert [pod for pod in run.pods() if pod["status"]["phase"] not in ("Succeeded", "Failed")] == []
    assert child(run, "train-sft") not in run.jobs()
    assert (run.condition("Admitted")["status"], run.condition("Admitted")["reason"]) == ("False", "SuspendedByUser")

    kubelet.script = success
    run.patch(suspend=False)
    run.wait_for_phase("Complete")
    assert (run.step("train-sft")["attempt"], run.step("train-sft").get("retries", {})) == (2, {})


def test_a_cancelled_run_ends_for_good_and_leaves_nothing_running(
    api: RawApi, namespace: str, kubelet: PlayedKubelet, operator: OperatorProcess
) -> None:
    kubelet.script = until("train-sft")
    run = Run(api, namespace).create()
    eventually(lambda: run.step("train-sft").get("jobUID"), "training")
    run.patch(cancel=True)
    run.wait_for_phase("Cancelled")
    assert run.condition("Finished")["status"] == "True"
    assert [pod for pod in run.pods() if pod["status"]["phase"] not in ("Succeeded", "Failed")] == []

    kubelet.script = success
    run.patch(cancel=False, runAttempt=2)
    assert run.wait_for_phase("Complete")["runAttempt"] == 2


def test_a_deleted_run_leaves_nothing(
    api: RawApi, namespace: str, kubelet: PlayedKubelet, operator: OperatorProcess
) -> None:
    kubelet.script = until("train-sft")
    run = Run(api, namespace).create()
    eventually(lambda: run.step("train-sft").get("jobUID"), "training")
    api.delete(run.path)
    eventually(lambda: not run.jobs() and not run.pods(), "everything is gone", 90)


def test_a_preempted_attempt_is_followed_by_another(
    api: RawApi, namespace: str, kubelet: PlayedKubelet, operator: OperatorProcess
) -> None:
    def script(config: RunConfig) -> Ending:
        preempted = (config.step, config.attempt) == ("train-sft", 1)
        return Ending(PREEMPTED_EXIT_CODE) if preempted else success(config)

    kubelet.script = script
    run = Run(api, namespace).create()
    run.wait_for_phase("Complete")
    assert (run.step("train-sft")["attempt"], run.step("train-sft")["retries"]) == (2, {"Preempted": 1})


def test_a_job_that_somebody_deleted_is_no_success_and_is_never_created_again(
    api: RawApi, namespace: str, kubelet: PlayedKubelet, operator: OperatorProcess, audit: AuditLog
) -> None:
    kubelet.script = until("train-sft")
    run = Run(api, namespace).create()
    eventually(lambda: run.step("train-sft").get("jobUID"), "training")
    api.delete(f"/apis/batch/v1/namespaces/{namespace}/jobs/{child(run, 'train-sft')}", propagationPolicy="Background")
    eventually(lambda: run.step("train-sft").get("attempt") == 2, "the next attempt is recorded")
    kubelet.script = success
    run.wait_for_phase("Complete")
    assert audit.created_jobs(namespace).count(child(run, "train-sft")) == 1
    assert run.step("train-sft")["retries"] == {"NodeFault": 1}


def test_a_job_whose_labels_somebody_took_off_is_still_the_one_that_runs(
    api: RawApi, namespace: str, kubelet: PlayedKubelet, operator: OperatorProcess, audit: AuditLog
) -> None:
    """To a watch by label it is deleted: it must not be taken for vanished, or a second Job would run beside it."""
    kubelet.script = until("train-sft")
    run = Run(api, namespace).create()
    eventually(lambda: run.step("train-sft").get("jobUID"), "training")
    labels = dict.fromkeys((names.MANAGED_BY_LABEL, names.JOB_LABEL, names.JOB_UID_LABEL))
    job = f"/apis/batch/v1/namespaces/{namespace}/jobs/{child(run, 'train-sft')}"
    api.patch(job, {"metadata": {"labels": labels}})
    # Longer than the pause between two looks at a running pod.
    time.sleep(7)
    kubelet.script = success
    run.wait_for_phase("Complete")
    assert {found["attempt"] for found in run.status()["steps"]} == {1}
    assert sorted(audit.created_jobs(namespace)) == sorted(child(run, name) for name in STEPS)


@pytest.mark.parametrize("step", STEPS)
def test_an_operator_killed_after_a_job_was_created_never_creates_it_twice(
    api: RawApi,
    kubelet: PlayedKubelet,
    kubeconfig: Path,
    tmp_path: Path,
    cluster: devcluster.Cluster,
    audit: AuditLog,
    step: str,
) -> None:
    namespace = f"t-killed-{step}"
    api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    operator = OperatorProcess(kubeconfig, tmp_path / "operator.log", namespaces=namespace)
    operator.start()
    run = Run(api, namespace).create()
    job = f"/apis/batch/v1/namespaces/{namespace}/jobs/{child(run, step)}"
    eventually(lambda: api.find(job), f"the Job of {step}", 60)
    operator.kill()
    operator.start()
    try:
        run.wait_for_phase("Complete")
        time.sleep(0.5)
        assert sorted(audit.created_jobs(namespace)) == sorted(child(run, name) for name in STEPS)
        assert {found["attempt"] for found in run.status()["steps"]} == {1}
    finally:
        operator.stop()


def test_a_job_whose_creation_was_never_recorded_is_adopted(
    api: RawApi, kubelet: PlayedKubelet, namespace: str, operator: OperatorProcess, audit: AuditLog
) -> None:
    """The operator died between the Job's creation and the status write: the uid is lost, the Job is there."""
    kubelet.script = until("prepare")
    run = Run(api, namespace).create()
    first = eventually(lambda: run.step("prepare").get("jobUID"), "the Job of prepare")
    operator.kill()
    steps = [{key: value for key, value in run.step("prepare").items() if key not in ("jobUID", "startTime")}]
    steps[0]["state"] = "Pending"
    api.patch(f"{run.path}/status", {"status": {"steps": steps}})
    operator.start()
    assert eventually(lambda: run.step("prepare").get("jobUID"), "the Job of prepare is adopted") == first
    assert len(audit.created_jobs(namespace)) == 1


def test_a_strangers_job_of_our_name_is_left_alone_until_it_is_gone(
    api: RawApi, namespace: str, kubelet: PlayedKubelet, kubeconfig: Path, tmp_path: Path
) -> None:
    run = Run(api, namespace).create()
    jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    container = {"name": "x", "image": "x"}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    stranger = {"metadata": {"name": child(run, "prepare")}, "spec": {"suspend": True, "template": template}}
    uid = api.create(jobs, {"apiVersion": "batch/v1", "kind": "Job", **stranger})["metadata"]["uid"]
    operator = OperatorProcess(kubeconfig, tmp_path / "operator.log", namespaces=namespace)
    operator.start()
    try:
        eventually(lambda: run.condition("Stalled").get("status") == "True", "it is said")
        assert "belongs to somebody else" in run.condition("Stalled")["message"]
        left = api.get(f"{jobs}/{child(run, 'prepare')}")["metadata"]
        assert (left["uid"], left.get("ownerReferences")) == (uid, None)
        api.delete(f"{jobs}/{child(run, 'prepare')}", propagationPolicy="Background")
        operator.kill()
        operator.start()
        run.wait_for_phase("Complete")
    finally:
        operator.stop()


@pytest.mark.parametrize(
    ("hard", "words"),
    [
        pytest.param({"count/jobs.batch": "0"}, "cluster refuses the Job", id="of-jobs"),
        pytest.param({"pods": "0"}, "cluster refuses the pod", id="of-pods"),
    ],
)
def test_a_quota_is_told_in_the_api_servers_words(
    api: RawApi, kubelet: PlayedKubelet, kubeconfig: Path, tmp_path: Path, hard: dict[str, str], words: str
) -> None:
    namespace = f"t-quota-{words.rsplit(' ', 1)[-1].lower()}"
    api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    quotas = f"/api/v1/namespaces/{namespace}/resourcequotas"
    body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": hard}}
    api.create(quotas, body)
    eventually(lambda: api.get(f"{quotas}/none").get("status", {}).get("used"), "the quota counts")
    operator = OperatorProcess(kubeconfig, tmp_path / "operator.log", namespaces=namespace)
    operator.start()
    try:
        run = Run(api, namespace).create()
        said = eventually(
            lambda: run.condition("Admitted") if run.condition("Admitted").get("reason") == "CreationRefused" else None,
            "the refusal is told",
            60,
        )
        assert words in said["message"]
        assert "exceeded quota: none" in said["message"]
        api.delete(f"{quotas}/none")
        run.wait_for_phase("Complete", 120)
    finally:
        operator.stop()


@pytest.mark.parametrize("frozen", [pytest.param(False, id="killed"), pytest.param(True, id="frozen")])
def test_the_second_replica_takes_over_when_the_lease_of_a_crashed_one_has_ended(
    api: RawApi, kubelet: PlayedKubelet, kubeconfig: Path, tmp_path: Path, audit: AuditLog, frozen: bool
) -> None:
    namespace = f"t-takeover-{frozen}".lower()
    api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    first = OperatorProcess(kubeconfig, tmp_path / "a.log", "replica-a", namespace)
    second = OperatorProcess(kubeconfig, tmp_path / "b.log", "replica-b", namespace)
    first.start()
    eventually(first.leads, "the first leads", 20)
    second.start()
    try:
        kubelet.script = until("train-sft")
        run = Run(api, namespace).create()
        eventually(lambda: run.step("train-sft").get("jobUID"), "training")
        assert not second.leads()
        (first.freeze if frozen else first.kill)()
        kubelet.script = success
        eventually(lambda: run.step("train-sft").get("state") == "Succeeded", "the other goes on", 3 * LEASE_SECONDS)
        run.wait_for_phase("Complete")
        if frozen:
            audit.mark()
            assert first.thaw() == 1
            # A request that was being sent when the process froze arrives when it thaws, and is refused: its version is old.
            assert [write for write in audit.writes() if not write.endswith(" 409")] == []
        assert {step["attempt"] for step in run.status()["steps"]} == {1}
    finally:
        first.stop()
        second.stop()


def test_a_replica_that_is_told_to_stop_hands_over_at_once(
    namespace: str, kubeconfig: Path, tmp_path: Path, api: RawApi
) -> None:
    first = OperatorProcess(kubeconfig, tmp_path / "a.log", "replica-a", namespace)
    second = OperatorProcess(kubeconfig, tmp_path / "b.log", "replica-b", namespace)
    first.start()
    eventually(first.leads, "the first leads", 20)
    second.start()
    try:
        assert first.terminate() == 0
        # Sooner than the lease would have ended by itself.
        eventually(second.leads, "the second leads", LEASE_SECONDS * 2 / 3)
    finally:
        first.stop()
        second.stop()


def test_an_operator_at_rest_writes_nothing_and_stays_small(
    api: RawApi, namespace: str, kubelet: PlayedKubelet, operator: OperatorProcess, audit: AuditLog
) -> None:
    kubelet.script = success
    Run(api, namespace, "complete").create().wait_for_phase("Complete")
    Run(api, namespace, "suspended").create(suspend=True).wait_for_phase("Suspended")
    kubelet.script = until("train-sft")
    progress = Progress(step="train-sft", global_step=7, total_steps=40, summary="sft 7/40", loss=2.5)
    # A pod that never answers is told after a minute: that would be a write.
    with answering_pod("/progress", ProgressReport(progress=progress)):
        running = Run(api, namespace, "running").create()
        eventually(
            lambda: running.condition("Admitted").get("status") == "True" and running.step("train-sft"), "training"
        )
        eventually(lambda: running.status().get("progress", {}).get("summary") == "sft 7/40", "progress", 40)
        time.sleep(2)
        audit.mark()
        time.sleep(60)
        memory = operator.resident_mebibytes()
    print(json.dumps({"lease writes in 60 s": audit.lease_writes(), "resident MiB": round(memory, 1)}))  # noqa: T201
    assert audit.writes() == []
    assert audit.lease_writes() <= 20
    assert memory < 120
