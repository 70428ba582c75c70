"""Every name that two packages must agree on: API group, labels, child objects, keys in object storage, paths in a pod."""

import re
from typing import NamedTuple

GROUP = "tunewright.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
FIELD_MANAGER = "tunewright-operator"

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "tunewright"
JOB_LABEL = f"{GROUP}/job"
JOB_UID_LABEL = f"{GROUP}/job-uid"
STEP_LABEL = f"{GROUP}/step"
ATTEMPT_LABEL = f"{GROUP}/attempt"
MONITOR_LABEL = f"{GROUP}/monitor"
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"

CONTAINER = "trainer"
HTTP_PORT = 8080
"""The port on which trainer, monitor and operator serve /metrics; a trainer also serves /progress, a monitor /report."""

RUN_CONFIG_VARIABLE = "TUNEWRIGHT_RUN_CONFIG"
MONITOR_CONFIG_VARIABLE = "TUNEWRIGHT_MONITOR_CONFIG"
POD_UID_VARIABLE = "TUNEWRIGHT_POD_UID"
SCRATCH_VARIABLE = "TUNEWRIGHT_SCRATCH"
SCRATCH_DIRECTORY = "/scratch"
SECRETS_DIRECTORY = "/var/run/tunewright/secrets"
"""A Secret named in the spec is mounted at <this>/<secret name>/, one file a key."""
TERMINATION_LOG = "/dev/termination-log"
TERMINATION_MESSAGE_BYTES = 4096
"""The kubelet cuts a termination message at this size, in the middle of a character if need be."""

PREPARE = "prepare"
PACKAGE = "package"
EVALUATE = "evaluate"
PUBLISH = "publish"
TRAIN_PREFIX = "train-"


def uid8(uid: str) -> str:
    """The first eight characters of a uid, dashes removed: short enough for names, unique enough within one object's name."""
    return uid.replace("-", "")[:8]


def run_id(uid: str, run_attempt: int) -> str:
    """Name one run: a function of the object's uid and `runAttempt`, so that two runs never share a key."""
    return f"r{run_attempt}-{uid8(uid)}"


def train_step(stage: str) -> str:
    """The step that trains `stage`."""
    return f"{TRAIN_PREFIX}{stage}"


def child_name(job: str, uid: str, step: str, attempt: int) -> str:
    """The deterministic name of the Kubernetes Job of one attempt; at most 63 characters for legal inputs."""
    return f"{job}-{uid8(uid)}-{step}-a{attempt}"


def run_prefix(output_uri: str, namespace: str, job: str, run: str) -> str:
    """The URI under which everything of one run lives, without a trailing slash."""
    return f"{output_uri.rstrip('/')}/{namespace}/{job}/{run}"


def attempt_prefix(run_uri: str, step: str, attempt: int, pod_uid: str) -> str:
    """Each writer's own prefix: a zombie pod and its successor never share a key."""
    return f"{run_uri}/{step}/a{attempt}-{uid8(pod_uid)}"


CHECKPOINT_URI = r"(s3|file)://.+/r[0-9]+-[0-9a-z]+/train-[a-z0-9-]+/a[0-9]+-[^/]+/checkpoint-[0-9]+"
"""What `status.checkpoints[].uri` looks like."""
_CHECKPOINT = re.compile(
    r"(?P<run_uri>.+/(?P<run_id>r[0-9]+-[0-9a-z]+))/(?P<step>train-[a-z0-9-]+)/a[0-9]+-[^/]+/[^/]+"
)


class CheckpointPlace(NamedTuple):
    """Whose a checkpoint is, by its URI."""

    run_uri: str
    run_id: str
    step: str


def checkpoint_place(uri: str) -> CheckpointPlace | None:
    """The run and the step that a checkpoint's URI names; None if it is no such URI."""
    found = _CHECKPOINT.fullmatch(uri)
    return CheckpointPlace(found["run_uri"], found["run_id"], found["step"]) if found else None


def step_manifest(run_uri: str, step: str) -> str:
    """The URI of a step's commit, created once with If-None-Match."""
    return f"{run_uri}/{step}/manifest.json"
