"""The whole system on a real kubelet, with the real images and the real model: a run that nobody disturbs, and one that everybody does."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import job
import pytest
import watching
from stage import NAMESPACE, SYSTEM_NAMESPACE, Stage

from observed_system import created_jobs, jobs_of, status, step, until
from operator_process import AuditLog
from process_use import use_of

CALM, ROUGH = "calm", "rough"


@pytest.fixture(scope="module")
def calm(stage: Stage) -> dict[str, Any]:
    """The status of a run that nobody disturbed."""
    job.apply(stage, job.manifest(stage, CALM, job.SMALL))
    job.watch(stage, CALM)
    return status(stage, CALM)


def test_a_job_goes_from_apply_to_a_verified_adapter_that_beats_the_base(stage: Stage, calm: dict[str, Any]) -> None:
    job.show_results(stage, CALM)
    assert [item["state"] for item in calm["steps"]] == ["Succeeded"] * 6
    assert [item["attempt"] for item in calm["steps"]] == [1] * 6
    stages = {item["name"]: item for item in calm["resolved"]["stages"]}
    assert stages["sft"]["method"] == "SFT QLoRA"
    assert all(value["reason"] for value in stages["dpo"]["hyperparameters"])


def history(stage: Stage, name: str, step_name: str) -> list[dict[str, Any]]:
    manifest = json.loads(job.read(stage, step(stage, name, step_name)["manifestURI"]))
    entries: list[dict[str, Any]] = json.loads(job.read(stage, f"{manifest['prefix']}/history.json"))
    return [{key: entry[key] for key in ("step", "loss", "grad_norm", "learning_rate")} for entry in entries]


def running_pods(stage: Stage, name: str) -> list[dict[str, Any]]:
    arguments = ("-l", f"tunewright.dev/job={name}", "--field-selector=status.phase=Running")
    found: list[dict[str, Any]] = stage.get("pods", "-n", NAMESPACE, *arguments)["items"]
    return found


def trains(stage: Stage, name: str, attempt: int) -> bool:
    """Whether that attempt takes steps, from its own mouth: the status learns of it every 30 s only."""
    for pod in running_pods(stage, name):
        if pod["metadata"]["labels"].get("tunewright.dev/attempt") != str(attempt) or "podIP" not in pod["status"]:
            continue
        try:
            answer = httpx.get(f"http://{pod['status']['podIP']}:8080/progress", timeout=2, trust_env=False)
        except httpx.HTTPError:
            return False
        progress = answer.json()["progress"]
        return progress.get("activity") == "Training" and progress.get("loss") is not None
    return False


def kill_trainer(stage: Stage, name: str) -> None:
    """SIGKILL to the trainer's own process, as a node does when it is out of patience."""
    (pod,) = running_pods(stage, name)
    uid = pod["metadata"]["uid"]
    for path in Path("/sys/fs/cgroup/memory/kubepods").rglob("cgroup.procs"):
        if uid in str(path):
            for pid in path.read_text().split():
                if b"tunewright_trainer" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(int(pid), signal.SIGKILL)
                    return
    raise AssertionError(f"no trainer process in pod {pod['metadata']['name']}")


@pytest.fixture(scope="module")
def rough(stage: Stage, calm: dict[str, Any]) -> dict[str, Any]:
    """The status of the same run with its operator killed, its trainer killed, and a suspension, all in train-sft."""
    job.apply(stage, job.manifest(stage, ROUGH, job.SMALL))
    until("a checkpoint", lambda: status(stage, ROUGH).get("checkpoints"))
    stage.kubectl("delete", "pods", "-n", SYSTEM_NAMESPACE, "--all", "--force", "--grace-period=0")
    kill_trainer(stage, ROUGH)
    until("a second attempt that trains", lambda: trains(stage, ROUGH, 2))
    stage.kubectl("patch", "ftj", ROUGH, "-n", NAMESPACE, "--type=merge", "-p", '{"spec":{"suspend":true}}')
    until("suspension", lambda: status(stage, ROUGH).get("phase") == "Suspended")
    assert running_pods(stage, ROUGH) == []
    stage.kubectl("patch", "ftj", ROUGH, "-n", NAMESPACE, "--type=merge", "-p", '{"spec":{"suspend":false}}')
    job.watch(stage, ROUGH)
    return status(stage, ROUGH)


def test_the_operators_image_is_small_and_holds_no_torch(stage: Stage) -> None:
    (deployment,) = stage.get("deployments", "-n", SYSTEM_NAMESPACE)["items"]
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    listed = subprocess.run(
        ["buildah", "images", "--format", "{{.Size}}", image], capture_output=True, text=True, check=True
    )
    size, unit = listed.stdout.split()
    assert unit == "MB"
    assert float(size) < 250
    words = "import importlib.util as u; print([m for m in ('torch', 'transformers', 'trl') if u.find_spec(m)])"
    pod = f"deployment/{deployment['metadata']['name']}"
    assert stage.kubectl("exec", "-n", SYSTEM_NAMESPACE, pod, "--", "python", "-c", words).strip() == "[]"


def test_a_disturbed_run_ends_with_the_same_losses_to_the_last_bit(
    stage: Stage, calm: dict[str, Any], rough: dict[str, Any]
) -> None:
    assert rough["phase"] == "Complete"
    assert step(stage, ROUGH, "train-sft")["attempt"] == 3
    assert history(stage, ROUGH, "train-sft") == history(stage, CALM, "train-sft")
    digests = [
        {item["name"]: item["digest"] for item in found["steps"] if item["name"].startswith("train-")}
        for found in (calm, rough)
    ]
    assert digests[0] == digests[1]


def test_no_attempt_ever_had_two_jobs(stage: Stage, rough: dict[str, Any]) -> None:
    creations = created_jobs(stage)
    assert creations
    assert max(creations.values()) == 1, creations


def test_deleting_the_object_leaves_nothing_running(stage: Stage) -> None:
    job.apply(stage, job.manifest(stage, "gone", job.SMALL))
    until("a job", lambda: jobs_of(stage, "gone"))
    stage.kubectl("delete", "ftj", "gone", "-n", NAMESPACE)
    until("no jobs", lambda: not jobs_of(stage, "gone"), 120)
    until("no pods", lambda: not stage.get("pods", "-n", NAMESPACE, "-l", "tunewright.dev/job=gone")["items"], 120)


@pytest.fixture
def served(stage: Stage, calm: dict[str, Any]) -> Iterator[str]:
    """The published adapter behind a real server."""
    with watching.server(stage, calm["adapter"]["uri"]) as url:
        yield url


def test_a_served_adapter_is_watched_by_a_monitor_whose_metrics_prometheus_has(
    stage: Stage, calm: dict[str, Any], served: str
) -> None:
    watching.start_monitor(stage, calm["adapter"]["uri"], served)
    expression = f'sum(tunewright_probe_end_to_end_seconds_count{{monitor="{watching.MONITOR}"}}) > 0'
    until("latency in Prometheus", lambda: watching.query(stage, expression), 60)


def test_the_operator_at_rest_writes_nothing(stage: Stage, rough: dict[str, Any]) -> None:
    stage.kubectl("delete", "adaptermonitors", "--all", "-n", NAMESPACE)
    time.sleep(5)
    audit = AuditLog(Path(stage.cluster.audit_log))
    audit.mark()
    time.sleep(60)
    assert audit.writes() == []
    assert _resident_mebibytes() < 120


def _resident_mebibytes() -> float:
    """The largest resident set of the operator's processes."""
    pids = subprocess.run(
        ["pgrep", "-f", "tunewright_operator"], capture_output=True, text=True, check=False
    ).stdout.split()
    assert pids, "the operator runs"
    return max(use_of(int(pid)).resident_mebibytes for pid in pids)
