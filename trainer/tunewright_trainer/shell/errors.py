"""The ways a step can fail, each with its class.

StepError
├── InvalidSpec, InvalidData      the tenant's file or rows
├── ModelUnavailable              the base model is missing, torn or unknown
├── StorageDenied, StorageUnavailable
├── OutOfMemory, Diverged         training itself
└── Preempted                     SIGTERM: saved and stopped, to go on elsewhere
"""

from typing import ClassVar

from tunewright_api.failures import FailureClass
from tunewright_api.status import DatasetStatus


class StepError(Exception):
    """A failure with a class and one sentence for the person who reads status."""

    failure_class: ClassVar[FailureClass] = FailureClass.INTERNAL
    hint: ClassVar[str | None] = None
    """What to do about it, where the hint of the class would mislead."""


class InvalidSpec(StepError):
    """A field asks for something that cannot be."""

    failure_class = FailureClass.INVALID_SPEC


class ResumeRefused(InvalidSpec):
    """The checkpoint that spec.resumeFrom names is not one that this run can go on from."""

    hint = (
        "Take another URI that status.checkpoints has shown, or leave spec.resumeFrom out, and raise spec.runAttempt."
    )


class InvalidData(StepError):
    """Rows that cannot be learned from."""

    failure_class = FailureClass.INVALID_DATA

    def __init__(self, message: str, dataset: DatasetStatus | None = None) -> None:
        """`dataset` is what status says about rows that were all looked at, and refused."""
        super().__init__(message)
        self.dataset = dataset


class ModelUnavailable(StepError):
    """The base model is missing, incomplete or of an unknown kind."""

    failure_class = FailureClass.MODEL_UNAVAILABLE


class StorageDenied(StepError):
    """The store answered: not with these keys."""

    failure_class = FailureClass.STORAGE_DENIED


class StorageUnavailable(StepError):
    """The store did not answer, or answered with its own failure, for longer than the retries last."""

    failure_class = FailureClass.STORAGE_UNAVAILABLE


class ObjectMissing(InvalidSpec):
    """The URI names nothing."""


class BucketMissing(ObjectMissing):
    """Not even the bucket is there."""


class DatasetMissing(InvalidData):
    """There is no file of rows."""

    hint = (
        "Upload the file there and raise spec.runAttempt; if the URI is wrong, create the job again under a new name."
    )


class OutOfMemory(StepError):
    """The device's memory is too small for these settings."""

    failure_class = FailureClass.OUT_OF_MEMORY


class Diverged(StepError):
    """The loss is no number any more."""

    failure_class = FailureClass.DIVERGED


class Preempted(StepError):
    """SIGTERM came; what could be saved is saved."""

    failure_class = FailureClass.PREEMPTED


class TornContent(StepError):
    """Bytes differ from their manifest: never believed, and not the tenant's fault."""

    failure_class = FailureClass.STORAGE_UNAVAILABLE
    hint = "Something was changed or removed below spec.output.uri after it was written: see who else may write there, then raise spec.runAttempt."
