"""Deadlines, time to live, new runs and nodes that fail, against a real API server, Job controller and garbage collector; the test plays the kubelet."""

import os
import subprocess
import sys
from pathlib import Path

import devcluster
from builders import STEPS
from operator_process import AuditLog, OperatorProcess
from played_kubelet import NODE, Ending, PlayedKubelet, success
from raw_api import RawApi, eventually
from tunewright_api.failures import FailureClass
from tunewright_api.run import ProgressReport, RunConfig, RunResult, termination_message
from tunewright_api.status import Failure, Progress
from watched_run import Run, answering_pod, child, until


def test_a_pod_that_stands_still_is_ended_and_followed_by_another(
    api: RawApi, namespace: str, kubelet: PlayedKubelet, operator: OperatorProcess, audit: AuditLog
) -> None:
    kubelet.script = until("train-sft")
    progress = Progress(step="train-sft", global_step=7, total_steps=40, summary="sft 7/40")
    with answering_pod("/progress", ProgressReport(progress=progress)):
        run = Run(api, namespace).create(limits={"noProgressDeadline": "3s"})
        eventually(lambda: run.step("train-sft").get("attempt") == 2, "the second attempt is recorded", 60)
    failure = run.step("train-sft")["lastFailure"]
    assert failure["class"] == "Hang"
    assert "(sft 7/40), longer than spec.limits.noProgressDeadline (3s)" in failure["message"]
    assert child(run, "train-sft") not in run.jobs()
    assert [deletion["propagationPolicy"] for deletion in audit.deletions("jobs")] == ["Foreground"]


def test_a_wait_ends_at_its_deadline_in_the_quotas_words(
    api: RawApi, namespace: str, kubelet: PlayedKubelet, operator: OperatorProcess
) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    quotas = f"/api/v1/namespaces/{namespace}/resourcequotas"
    api.create(quotas, quota)
    eventually(lambda: api.get(f"{quotas}/none").get("status", {}).get("used"), "the quota counts")
    run = Run(api, namespace).create(limits={"queueDeadline": "15s"})
    failure = run.wait_for_phase("Failed")["failure"]
    assert failure["class"] == "Unschedulable"
    assert "longer than spec.limits.queueDeadline (15s)" in failure["message"]
    assert "exceeded quota: none" in failure["message"]
    eventually(lambda: not run.jobs(), "its Job is gone")


def test_jobs_of_a_finished_run_go_when_their_time_has_come_and_its_results_stay(
    api: RawApi, namespace: str, kubelet: PlayedKubelet, operator: OperatorProcess, audit: AuditLog
) -> None:
    run = Run(api, namespace).create()
    complete = run.wait_for_phase("Complete")
    assert len(run.jobs()) == len(STEPS)
    run.patch(ttlSecondsAfterFinished=1)
    eventually(lambda: not run.jobs() and not run.pods(), "Jobs and pods are gone", 60)
    assert [deletion["propagationPolicy"] for deletion in audit.deletions("jobs")] == ["Foreground"] * len(STEPS)
    assert run.status() == {**complete, "observedGeneration": 2}
    run.patch(runAttempt=2)
    eventually(lambda: run.status()["runAttempt"] == 2, "the second run begins")
    assert run.wait_for_phase("Complete")["steps"][0]["attempt"] == 2


def test_the_next_attempt_keeps_away_from_a_node_at_fault_until_no_other_has_room(
    api: RawApi, namespace: str, kubelet: PlayedKubelet, kubeconfig: Path, tmp_path: Path
) -> None:
    """There is one node only, so the scheduler itself says that the exclusion holds, and then it is lifted."""

    def script(config: RunConfig) -> Ending:
        return Ending(71) if (config.step, config.attempt) == ("prepare", 1) else success(config)

    kubelet.script = script
    patience = {"TUNEWRIGHT_EXCLUSION_PATIENCE_SECONDS": "10"}
    operator = OperatorProcess(kubeconfig, tmp_path / "operator.log", namespaces=namespace, variables=patience)
    operator.start()
    try:
        run = Run(api, namespace).create()
        said = eventually(
            lambda: run.condition("Admitted") if "affinity" in run.condition("Admitted").get("message", "") else None,
            "the scheduler's words",
            60,
        )
        assert said["reason"] == "WaitingForNode"
        assert "1 node(s) didn't match Pod's node affinity/selector" in said["message"]
        assert run.step("prepare")["excludedNodes"] == [NODE]
        status = run.wait_for_phase("Complete", 90)
    finally:
        operator.stop()
    assert (run.step("prepare")["attempt"], run.step("prepare")["retries"]) == (3, {"Hang": 1})
    told = [(item["attempt"], item["outcome"], item.get("node")) for item in status["attempts"][:3]]
    assert told == [(1, "Failed", NODE), (2, "Stopped", None), (3, "Succeeded", NODE)]


def test_the_last_words_of_a_failed_attempt_outlive_its_pod(
    api: RawApi, namespace: str, kubelet: PlayedKubelet, operator: OperatorProcess
) -> None:
    failure = Failure(failure_class=FailureClass.INVALID_DATA, message="sft.jsonl:3: no prompt", hint="Correct it.")
    log = "12:00:01 INFO Step started\n12:00:02 ERROR The step failed, token=abc"
    result = RunResult(step="prepare", attempt=1, failure=failure, log=log)
    kubelet.script = lambda config: Ending(65, termination_message(result))
    run = Run(api, namespace).create(ttlSecondsAfterFinished=0)
    run.wait_for_phase("Failed")
    eventually(lambda: not run.jobs() and not run.pods(), "Jobs and pods are gone", 60)
    (record,) = run.status()["attempts"]
    assert (record["class"], record["exitCode"], record["node"]) == ("InvalidData", 65, NODE)
    assert record["log"] == log.replace("token=abc", "token=***")


def test_a_wait_in_a_queue_is_told_in_the_queues_words(
    api: RawApi, namespace: str, kubelet: PlayedKubelet, operator: OperatorProcess, audit: AuditLog
) -> None:
    """The test plays Kueue: it suspends the Job and says on its Workload why."""
    words = "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu in flavor a100, 1 more needed"
    kubelet.script = until("prepare")
    run = Run(api, namespace).create(compute={"queueName": "team-a"})
    eventually(lambda: run.step("prepare").get("jobUID"), "the Job of prepare")
    workload = {"kind": "Workload", "apiVersion": "kueue.x-k8s.io/v1beta1", "namespace": namespace}
    api.create(
        f"/api/v1/namespaces/{namespace}/events",
        {
            "metadata": {"name": "pending.1"},
            "involvedObject": {**workload, "name": f"job-{child(run, 'prepare')}-1a2b3"},
            "reason": "Pending",
            "type": "Warning",
            "message": words,
            "lastTimestamp": "2026-01-31T12:00:00Z",
        },
    )
    api.patch(f"/apis/batch/v1/namespaces/{namespace}/jobs/{child(run, 'prepare')}", {"spec": {"suspend": True}})
    said = eventually(
        lambda: run.condition("Admitted") if run.condition("Admitted").get("reason") == "WaitingInQueue" else None,
        "the wait is told",
        60,
    )
    assert f"in queue team-a: {words}. It goes on when its Job is admitted." in said["message"]
    assert audit.forbidden() == []
    api.patch(f"/apis/batch/v1/namespaces/{namespace}/jobs/{child(run, 'prepare')}", {"spec": {"suspend": False}})
    kubelet.script = success
    run.wait_for_phase("Complete")
    assert run.step("prepare")["attempt"] == 1


def test_describe_tells_the_story_of_a_run_whose_pods_are_gone(
    api: RawApi, namespace: str, kubelet: PlayedKubelet, operator: OperatorProcess, cluster: devcluster.Cluster
) -> None:
    def script(config: RunConfig) -> Ending:
        return Ending(143) if (config.step, config.attempt) == ("train-sft", 1) else success(config)

    kubelet.script = script
    run = Run(api, namespace).create(ttlSecondsAfterFinished=0)
    run.wait_for_phase("Complete")
    eventually(lambda: not run.jobs(), "the Jobs are gone", 60)
    command = [sys.executable, "-m", "tunewright_cli.main", "describe", "demo", "-n", namespace]
    environment = {**os.environ, "KUBECONFIG": cluster.kubeconfig}
    text = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    assert text.startswith(f"FineTuneJob demo in namespace {namespace}: Complete\n\nThe run was complete at ")
    for words in (
        "train-sft 1        Failed Preempted on played-node, exit code 143",
        "tried again after 1 x Preempted",
    ):
        assert words in text
    told = text.split("\nEvents\n")[1]
    for reason in ("RunStarted", "StepSucceeded", "Preempted", "Completed"):
        assert reason in told


def test_a_pod_that_cannot_start_is_told_in_the_kubelets_words(
    api: RawApi, namespace: str, kubelet: PlayedKubelet, operator: OperatorProcess, audit: AuditLog
) -> None:
    words = 'MountVolume.SetUp failed for volume "storage" : secret "s3" not found'
    kubelet.starts_pods = False
    run = Run(api, namespace).create()
    eventually(lambda: any(pod["spec"].get("nodeName") for pod in run.pods()), "the pod has its node")
    (pod,) = run.pods()
    api.create(
        f"/api/v1/namespaces/{namespace}/events",
        {
            "metadata": {"name": "mount.1"},
            "involvedObject": {"kind": "Pod", "namespace": namespace, "uid": pod["metadata"]["uid"]},
            "reason": "FailedMount",
            "type": "Warning",
            "message": words,
            "lastTimestamp": "2026-01-31T12:00:00Z",
        },
    )
    said = eventually(
        lambda: run.condition("Admitted") if "secret" in run.condition("Admitted").get("message", "") else None,
        "the reason is told",
        60,
    )
    assert said["reason"] == "PodStarting"
    assert f"for its pod to start on node {NODE}: {words}. It goes on when the pod runs." in said["message"]
    assert audit.forbidden() == []
    kubelet.starts_pods = True
    run.wait_for_phase("Complete")
