"""Failure classes: what went wrong, how often it is worth trying again, and what a person can do about it."""

from dataclasses import dataclass
from enum import StrEnum

PREEMPTED_EXIT_CODE = 143
"""128 + SIGTERM. Outside 64-79 on purpose: a pod that exits with a FailJob code while a queue evicts it leaves a Job that is suspended and doomed."""

FAIL_JOB_EXIT_CODES = tuple(range(64, 80))


class FailureClass(StrEnum):
    """Why an attempt failed. `status.failure.class` carries it."""

    INVALID_SPEC = "InvalidSpec"
    INVALID_DATA = "InvalidData"
    POLICY_VIOLATION = "PolicyViolation"
    MODEL_UNAVAILABLE = "ModelUnavailable"
    STORAGE_DENIED = "StorageDenied"
    STORAGE_UNAVAILABLE = "StorageUnavailable"
    OUT_OF_MEMORY = "OutOfMemory"
    DIVERGED = "Diverged"
    HANG = "Hang"
    PREEMPTED = "Preempted"
    NODE_FAULT = "NodeFault"
    IMAGE_PULL = "ImagePull"
    UNSCHEDULABLE = "Unschedulable"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    GATE_FAILED = "GateFailed"
    INTERNAL = "Internal"


@dataclass(frozen=True)
class FailurePolicy:
    """What the operator does about a class. `exit_code` is set for classes that a trainer itself raises."""

    retries: int
    """New attempts that this class may cost a step."""
    backoff_seconds: int
    """Pause before the first retry; doubled for each further one of the same class."""
    hint: str
    exit_code: int | None = None


FAILURES: dict[FailureClass, FailurePolicy] = {
    FailureClass.INVALID_SPEC: FailurePolicy(
        0,
        0,
        "Correct the field named in the message and create the job again under a new name, or delete it first.",
        64,
    ),
    FailureClass.INVALID_DATA: FailurePolicy(
        0, 0, "Correct the rows named in the message, upload the file again and raise spec.runAttempt.", 65
    ),
    FailureClass.POLICY_VIOLATION: FailurePolicy(
        0, 0, "Ask the platform team to allow it, or change the field named in the message."
    ),
    FailureClass.MODEL_UNAVAILABLE: FailurePolicy(
        0,
        0,
        "Check that spec.model.uri is a folder with config.json, a tokenizer and *.safetensors files that are complete.",
        66,
    ),
    FailureClass.STORAGE_DENIED: FailurePolicy(
        0, 0, "Check the keys in the Secret that spec.storage.secretRef names and their rights on the bucket.", 67
    ),
    FailureClass.STORAGE_UNAVAILABLE: FailurePolicy(
        5, 10, "Check spec.storage.endpoint and that pods of this namespace can reach it.", 68
    ),
    FailureClass.OUT_OF_MEMORY: FailurePolicy(
        0, 0, "Lower microBatchSize or maxLength, use quantization NF4, or raise the step's memory in spec.compute.", 69
    ),
    FailureClass.DIVERGED: FailurePolicy(
        0, 0, "Lower learningRate or look for broken rows near the step named in the message.", 70
    ),
    FailureClass.HANG: FailurePolicy(
        2, 10, "Look at the pod's last log lines; a stuck mount or device needs the platform team.", 71
    ),
    FailureClass.PREEMPTED: FailurePolicy(50, 1, "Nothing to do: the run goes on from its last checkpoint."),
    FailureClass.NODE_FAULT: FailurePolicy(
        5, 10, "Nothing to do, unless it repeats on one node: then tell the platform team which."
    ),
    FailureClass.IMAGE_PULL: FailurePolicy(
        0, 0, "Check that spec.image exists and that spec.imagePullSecrets may read it."
    ),
    FailureClass.UNSCHEDULABLE: FailurePolicy(
        0, 0, "Ask for fewer resources in spec.compute, or for room on the cluster."
    ),
    FailureClass.DEADLINE_EXCEEDED: FailurePolicy(0, 0, "Raise spec.limits.runDeadline, then raise spec.runAttempt."),
    FailureClass.GATE_FAILED: FailurePolicy(
        0, 0, "Look at the evaluation report: the tuned model is not better than the base model.", 72
    ),
    FailureClass.INTERNAL: FailurePolicy(
        1, 5, "Look at the pod's log; if it is a fault of Tunewright, report it with that log.", 73
    ),
}

EXIT_CODES: dict[int, FailureClass] = {
    policy.exit_code: failure for failure, policy in FAILURES.items() if policy.exit_code is not None
}
"""Exit code of a trainer -> class."""


def exit_code(failure: FailureClass) -> int:
    """The exit code by which a trainer reports `failure`; 73 (Internal) for classes that a trainer never raises."""
    if failure is FailureClass.PREEMPTED:
        return PREEMPTED_EXIT_CODE
    return FAILURES[failure].exit_code or 73
