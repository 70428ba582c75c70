"""Plays the kubelet towards a real API server: pods run, report and end as the test says, and no process is started.

Scheduler, Job controller and garbage collector are the real ones."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from builders import DIGEST
from raw_api import Body, RawApi
from tunewright_api import names
from tunewright_api.failures import PREEMPTED_EXIT_CODE
from tunewright_api.run import RunConfig, RunResult, termination_message
from tunewright_api.status import AdapterStatus, DatasetStatus

NODE = "played-node"


@dataclass(frozen=True)
class Ending:
    """How a pod ends."""

    exit_code: int
    message: str = ""
    disrupted: bool = False
    """Whether the API server says that it was evicted."""


Script = Callable[[RunConfig], Ending | None]
"""What becomes of the pod that has this configuration; None lets it run on."""


def success(config: RunConfig) -> Ending:
    """The result that a step would report."""
    adapter = AdapterStatus(
        uri=f"{config.run_uri}/adapter",
        manifest_uri=f"{config.run_uri}/adapter/manifest.json",
        digest=DIGEST,
        base_model=config.spec.model.id,
        rank=16,
    )
    result = RunResult(
        step=config.step,
        attempt=config.attempt,
        manifest_uri=f"{config.run_uri}/{config.step}/manifest.json",
        digest=DIGEST,
        figures={"loss": 1.5},
        dataset=DatasetStatus(rows=10, train=8, validation=1, test=1) if config.step == names.PREPARE else None,
        adapter=adapter if config.step == names.PUBLISH else None,
    )
    return Ending(0, termination_message(result))


class PlayedKubelet:
    """One node. Every pod of ours is answered by `script`; on deletion it ends as after SIGTERM."""

    def __init__(self, api: RawApi, pod_ip: str = "192.0.2.77") -> None:
        self._api = api
        self._pod_ip = pod_ip
        self.script: Script = success
        self.dead_pods: set[str] = set()
        """Names of pods whose node does not answer any more."""
        self.starts_pods = True
        """False leaves them in ContainerCreating."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="played-kubelet", daemon=True)

    def start(self) -> None:
        """Register the node and begin."""
        if self._api.find(f"/api/v1/nodes/{NODE}") is None:
            # As each kubelet labels its node: an affinity by host name holds no node back that has no such label.
            metadata = {"name": NODE, "labels": {"kubernetes.io/hostname": NODE}}
            self._api.create("/api/v1/nodes", {"kind": "Node", "apiVersion": "v1", "metadata": metadata})
        self._heartbeat()
        self._thread.start()

    def stop(self) -> None:
        """End the thread; the node stays."""
        self._stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        beat = time.monotonic()
        while not self._stop.wait(0.1):
            try:
                self._look_at_pods()
                if time.monotonic() - beat > 10:
                    self._heartbeat()
                    beat = time.monotonic()
            except (AssertionError, httpx.HTTPError):
                # A pod that went away in between, or a conflict: the next look sees what is left.
                continue

    def _heartbeat(self) -> None:
        now = _now()
        ready = {"type": "Ready", "status": "True", "reason": "Played", "lastHeartbeatTime": now}
        room = {"cpu": "64", "memory": "256Gi", "pods": "500", "ephemeral-storage": "1Ti", "nvidia.com/gpu": "8"}
        status = {"conditions": [ready], "capacity": room, "allocatable": room}
        self._api.patch(f"/api/v1/nodes/{NODE}/status", {"status": status})
        # The controller taints each new node until it has seen it ready.
        self._api.patch(f"/api/v1/nodes/{NODE}", {"spec": {"taints": None}})

    def _look_at_pods(self) -> None:
        ours = f"{names.MANAGED_BY_LABEL}={names.MANAGED_BY}"
        for pod in self._api.items("/api/v1/pods", labelSelector=ours):
            if not pod["spec"].get("nodeName") or pod["metadata"]["name"] in self.dead_pods:
                continue
            if "deletionTimestamp" in pod["metadata"]:
                self._end_deleted(pod)
            elif pod["status"]["phase"] == "Pending" and self.starts_pods:
                self._report(pod, "Running", {"running": {"startedAt": _now()}})
            elif pod["status"]["phase"] == "Running" and (ending := self._ending(pod)) is not None:
                self._end(pod, ending)

    def _ending(self, pod: Body) -> Ending | None:
        # A monitor's pod runs for ever.
        return self.script(config_of(pod)) if names.STEP_LABEL in pod["metadata"]["labels"] else None

    def _end(self, pod: Body, ending: Ending) -> None:
        terminated = {
            "exitCode": ending.exit_code,
            "message": ending.message,
            "reason": "Error" if ending.exit_code else "Completed",
            "startedAt": _now(),
            "finishedAt": _now(),
        }
        phase = "Failed" if ending.exit_code else "Succeeded"
        self._report(pod, phase, {"terminated": terminated}, disrupted=ending.disrupted)

    def _end_deleted(self, pod: Body) -> None:
        if pod["status"]["phase"] in ("Pending", "Running"):
            self._end(pod, Ending(PREEMPTED_EXIT_CODE))
        self._api.delete(_path(pod), gracePeriodSeconds=0)

    def _report(self, pod: Body, phase: str, state: Body, *, disrupted: bool = False) -> None:
        container = {
            "name": pod["spec"]["containers"][0]["name"],
            "image": pod["spec"]["containers"][0]["image"],
            "imageID": "",
            "ready": phase == "Running",
            "restartCount": 0,
            "state": state,
        }
        conditions = [{"type": "Ready", "status": "True" if phase == "Running" else "False"}]
        if disrupted:
            conditions.append({"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"})
        ips = {"podIP": self._pod_ip, "podIPs": [{"ip": self._pod_ip}]}
        status = {"phase": phase, "conditions": conditions, "containerStatuses": [container], **ips}
        self._api.patch(f"{_path(pod)}/status", {"status": status})


def config_of(pod: Body) -> RunConfig:
    """What the pod was told."""
    environment = {item["name"]: item.get("value") for item in pod["spec"]["containers"][0]["env"]}
    return RunConfig.model_validate(json.loads(environment[names.RUN_CONFIG_VARIABLE] or "{}"))


def _path(pod: Body) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
