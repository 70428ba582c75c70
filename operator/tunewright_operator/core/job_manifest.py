"""Builds the batch/v1 Job of one attempt. Returns data; creates nothing."""

from collections.abc import Iterable
from typing import Any

from tunewright_api import names
from tunewright_api.compute import StepCompute
from tunewright_api.failures import FAIL_JOB_EXIT_CODES
from tunewright_api.run import RunConfig
from tunewright_api.spec import FineTuneJobSpec
from tunewright_operator.core.exclusion import node_affinity
from tunewright_operator.core.types import FineTuneJob, Manifest

USER = 10001
GRACE_SECONDS = 120
"""Longest step, checkpoint and upload after SIGTERM."""
DEFAULT_SCRATCH = "50Gi"
DEFAULT_GPU_RESOURCE = "nvidia.com/gpu"


def needs_gpu(step: str) -> bool:
    """Only training and evaluation ask for a GPU; no GPU waits for data to be checked."""
    return step == names.EVALUATE or step.startswith(names.TRAIN_PREFIX)


def build_job(job: FineTuneJob, config: RunConfig, excluded_nodes: Iterable[str] = ()) -> Manifest:
    """The Job of the attempt that `config` describes. It has no deadline of its own: activeDeadlineSeconds would start anew with each Job, and stop while one is suspended."""
    name = names.child_name(job.name, job.uid, config.step, config.attempt)
    labels = _labels(job, config)
    spec: dict[str, Any] = {
        "parallelism": 1,
        "completions": 1,
        # Every retry is a new Job of ours: it has its own name, record and prefix.
        "backoffLimit": 0,
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {
            "rules": [
                {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                {
                    "action": "FailJob",
                    "onExitCodes": {
                        "containerName": names.CONTAINER,
                        "operator": "In",
                        "values": list(FAIL_JOB_EXIT_CODES),
                    },
                },
            ]
        },
        "template": {
            "metadata": {"labels": labels, "annotations": _pod_annotations()},
            "spec": _pod_spec(config, excluded_nodes),
        },
    }
    queue = config.spec.compute.queue_name
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": job.namespace,
            "labels": {**labels, **({names.QUEUE_LABEL: queue} if queue else {})},
            "ownerReferences": [owner_reference("FineTuneJob", job.name, job.uid)],
        },
        "spec": spec,
    }


def owner_reference(kind: str, name: str, uid: str) -> dict[str, Any]:
    """Makes the garbage collector remove the child with its owner."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _labels(job: FineTuneJob, config: RunConfig) -> dict[str, str]:
    return {
        names.MANAGED_BY_LABEL: names.MANAGED_BY,
        names.JOB_LABEL: job.name,
        names.JOB_UID_LABEL: job.uid,
        names.STEP_LABEL: config.step,
        names.ATTEMPT_LABEL: str(config.attempt),
    }


def _pod_annotations() -> dict[str, str]:
    return {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(names.HTTP_PORT),
        "prometheus.io/path": "/metrics",
    }


def step_compute(spec: FineTuneJobSpec, step: str) -> StepCompute:
    """Room and place for the pod of `step`; publishing is packaging's neighbour and has its size."""
    compute = spec.compute
    if step.startswith(names.TRAIN_PREFIX):
        found = compute.trainer
    else:
        found = {names.PREPARE: compute.prepare, names.EVALUATE: compute.evaluate}.get(step, compute.package)
    return found or StepCompute()


def _pod_spec(config: RunConfig, excluded_nodes: Iterable[str]) -> dict[str, Any]:
    compute, own = config.spec.compute, step_compute(config.spec, config.step)
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(config)],
        "volumes": _volumes(config),
    }
    optional = {
        "serviceAccountName": compute.service_account_name,
        "priorityClassName": compute.priority_class_name,
        "nodeSelector": own.node_selector,
        "tolerations": own.tolerations,
        "affinity": node_affinity(excluded_nodes),
        "imagePullSecrets": [secret.to_wire() for secret in config.spec.image_pull_secrets or []] or None,
    }
    return {**spec, **{key: value for key, value in optional.items() if value is not None}}


def _container(config: RunConfig) -> dict[str, Any]:
    return {
        "name": names.CONTAINER,
        "image": config.image,
        "env": _environment(config),
        "ports": [{"name": "metrics", "containerPort": names.HTTP_PORT}],
        "resources": _resources(config),
        # A pod that was killed, or crashed in a native library, writes no message: then the kubelet keeps the last lines of its log.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": _mounts(config),
    }


def _environment(config: RunConfig) -> list[dict[str, Any]]:
    own = [{"name": variable.name, "value": variable.value} for variable in config.spec.compute.env or []]
    fixed: list[dict[str, Any]] = [
        {"name": names.RUN_CONFIG_VARIABLE, "value": config.model_dump_json(by_alias=True, exclude_none=True)},
        {"name": names.POD_UID_VARIABLE, "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
        {"name": "TUNEWRIGHT_NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        {"name": names.SCRATCH_VARIABLE, "value": names.SCRATCH_DIRECTORY},
        {"name": "HOME", "value": f"{names.SCRATCH_DIRECTORY}/home"},
    ]
    return fixed + own


def _resources(config: RunConfig) -> dict[str, Any]:
    own = step_compute(config.spec, config.step).resources
    requests = dict(own.requests or {}) if own else {}
    limits = dict(own.limits or {}) if own else {}
    gpus = config.spec.compute.gpus_per_node
    if needs_gpu(config.step) and gpus != 0:
        limits[config.spec.compute.gpu_resource or DEFAULT_GPU_RESOURCE] = str(1 if gpus is None else gpus)
    return {key: value for key, value in (("requests", requests), ("limits", limits)) if value}


def _volumes(config: RunConfig) -> list[dict[str, Any]]:
    volumes: list[dict[str, Any]] = [
        {"name": "scratch", "emptyDir": {"sizeLimit": config.spec.compute.scratch_size or DEFAULT_SCRATCH}},
        {"name": "temporary", "emptyDir": {}},
        {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
    ]
    if config.spec.storage.secret_ref:
        # 0440: with fsGroup, the pod's user can read it and nobody else.
        volumes.append(
            {"name": "storage", "secret": {"secretName": config.spec.storage.secret_ref.name, "defaultMode": 0o440}}
        )
    return volumes


def _mounts(config: RunConfig) -> list[dict[str, Any]]:
    mounts: list[dict[str, Any]] = [
        {"name": "scratch", "mountPath": names.SCRATCH_DIRECTORY},
        {"name": "temporary", "mountPath": "/tmp"},
        {"name": "shared-memory", "mountPath": "/dev/shm"},
    ]
    if config.spec.storage.secret_ref:
        path = f"{names.SECRETS_DIRECTORY}/{config.spec.storage.secret_ref.name}"
        mounts.append({"name": "storage", "mountPath": path, "readOnly": True})
    return mounts
