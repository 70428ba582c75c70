"""The status of a FineTuneJob: what the operator has seen and decided. Everything here can be observed again, except the counters of attempts."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from tunewright_api.base import Digest, LongText, ObservedModel, ShortText, Text, Timestamp
from tunewright_api.conditions import Condition
from tunewright_api.failures import FailureClass

MOST_ATTEMPTS = 32
MOST_EXCLUDED_NODES = 8


class Phase(StrEnum):
    """One word for the print column. Conditions are the truth."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    COMPLETE = "Complete"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


class StepState(StrEnum):
    """Where one step stands."""

    WAITING = "Waiting"
    """Not begun in this run; `attempt` counts on from the run before, so that names never repeat."""
    PENDING = "Pending"
    """The attempt is recorded; its Job may not exist yet."""
    RUNNING = "Running"
    """The Job exists."""
    STOPPING = "Stopping"
    """The Job is being deleted, for a suspension or a cancellation; its pods may still run."""
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class Failure(ObservedModel):
    """What went wrong and what to do."""

    failure_class: FailureClass = Field(alias="class")
    """Class of the failure; it decides whether the step is tried again."""
    message: LongText
    """What was wrong, where, and what was expected."""
    hint: Text = ""
    """What to do about it."""
    step: ShortText | None = None
    """Step that failed."""
    attempt: int | None = None
    """Attempt that failed."""
    exit_code: int | None = None
    """Exit code of the pod."""
    node: ShortText | None = None
    """Node of the pod."""


Figures = Annotated[dict[ShortText, float], Field(max_length=64)]


class StepStatus(ObservedModel):
    """One step of the run."""

    name: ShortText
    state: StepState
    attempt: int
    """Number of the newest attempt; recorded before its Job is created."""
    job_name: ShortText
    """Name of the newest attempt's Job."""
    job_uid: Annotated[ShortText | None, Field(alias="jobUID")] = None
    """Uid of that Job, recorded once it exists: an attempt whose uid is known is never created again."""
    start_time: Timestamp | None = None
    finish_time: Timestamp | None = None
    not_before: Timestamp | None = None
    """Earliest start of the next attempt."""
    waiting_since: Timestamp | None = None
    """Since when the attempt has waited for its queue, its node or its image, moved on by the time in suspension; absent while its pod runs."""
    retries: Annotated[dict[FailureClass, int], Field(max_length=32)] = {}
    """Attempts spent so far, by failure class."""
    excluded_nodes: Annotated[list[ShortText], Field(max_length=MOST_EXCLUDED_NODES)] = []
    """Nodes that the newest attempt keeps away from: an attempt has failed there by the node's fault, or two have failed."""
    last_failure: Failure | None = None
    """Why the attempt before was not the last."""
    stopping_because: Failure | None = None
    """Set while a hopeless attempt is being deleted; a suspension or cancellation leaves it out."""
    manifest_uri: Text | None = Field(default=None, alias="manifestURI")
    """The step's committed manifest."""
    digest: Digest | None = None
    """Digest of what the step produced; handed to the next step as the only input it may use."""
    figures: Figures = {}
    """Key figures of the step."""


class AttemptOutcome(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    STOPPED = "Stopped"
    """On somebody's wish: nothing was wrong with it."""


class AttemptRecord(ObservedModel):
    """One attempt that is over. It stays when its Job and its pods are gone."""

    step: ShortText
    attempt: int
    outcome: AttemptOutcome
    started: Timestamp | None = None
    """When its Job was seen first; absent when it never had one."""
    finished: Timestamp | None = None
    failure_class: Annotated[FailureClass | None, Field(alias="class")] = None
    exit_code: int | None = None
    node: ShortText | None = None
    message: Text = ""
    """Why it failed or was stopped."""
    log: Text = ""
    """Last lines of its log, with secrets and addresses masked."""


class Progress(ObservedModel):
    """Where the running step is; written at most every 30 seconds."""

    step: ShortText
    attempt: int = 1
    activity: ShortText = ""
    """What the pod does just now: Downloading, LoadingModel, Training, Evaluating, Uploading, ..."""
    global_step: int = 0
    total_steps: int = 0
    summary: ShortText = ""
    """For the print column, say "sft 23/40"."""
    epoch: float | None = None
    loss: float | None = None
    learning_rate: float | None = None
    gradient_norm: float | None = None
    tokens_per_second: float | None = None
    samples: int | None = None
    """Rows trained on so far."""
    eta_seconds: int | None = None
    """Seconds until the end of this step, by the speed so far."""
    updated_at: Timestamp | None = None


class ResolvedValue(ObservedModel):
    """A number that the spec left out, and why it was chosen."""

    name: ShortText
    value: ShortText
    reason: Text


class ResolvedStage(ObservedModel):
    """What was chosen for one stage."""

    name: ShortText
    method: ShortText
    """As people call it: "SFT QLoRA"."""
    hyperparameters: Annotated[list[ResolvedValue], Field(max_length=32)] = []


class Resolved(ObservedModel):
    """What the operator and the trainer decided where the spec was silent. The spec itself is never changed."""

    image: Text | None = None
    stages: Annotated[list[ResolvedStage], Field(max_length=8)] = []


class DatasetFinding(ObservedModel):
    """What one check of the data gate has found; all of it stands in the report."""

    check: ShortText
    verdict: ShortText
    """Warned, Fixed or Failed."""
    rows: int
    message: ShortText


class DatasetStatus(ObservedModel):
    """The prepared data of all stages together."""

    rows: int = 0
    train: int = 0
    validation: int = 0
    test: int = 0
    tokens: int = 0
    """Tokens of the training rows of all stages."""
    message: Text = ""
    """The sentence that matters most."""
    findings: Annotated[list[DatasetFinding], Field(max_length=12)] = []
    """What is worth knowing, the gravest first."""
    fit: ShortText = ""
    """What the run will need, in a line."""
    digest: Digest | None = None
    report_uri: Text | None = Field(default=None, alias="reportURI")


class Checkpoint(ObservedModel):
    """A checkpoint that can be resumed from."""

    step: ShortText
    global_step: int
    uri: Text
    digest: Digest


class MetricResult(ObservedModel):
    """One metric of base and tuned on the same rows. The interval is of the difference tuned - base, by paired bootstrap."""

    name: ShortText
    base: float
    tuned: float
    difference: float
    low: float
    """Lower end of the 95 % confidence interval of the difference."""
    high: float
    """Upper end."""
    rows: int
    higher_is_better: bool = True
    verdict: ShortText = ""
    """Better, Worse or Undecided: whether the interval excludes zero."""


class EvaluationStatus(ObservedModel):
    """Base against tuned on held-out rows."""

    rows: int = 0
    metrics: Annotated[list[MetricResult], Field(max_length=16)] = []
    report_uri: Text | None = Field(default=None, alias="reportURI")


class AdapterStatus(ObservedModel):
    """The published adapter."""

    uri: Text
    """Folder of the adapter, complete once this field is set."""
    manifest_uri: Text = Field(alias="manifestURI")
    digest: Digest
    base_model: ShortText
    type: ShortText = "LoRA"
    """What was trained: LoRA, DoRA, PromptTuning, Full, ... With Full, the folder holds the whole model."""
    servable: ShortText = ""
    """What can load it: vLLM (with the smallest --max-lora-rank, for an adapter) or PEFT."""
    rank: int = 0
    """0 where there is none."""
    target_modules: Annotated[list[ShortText], Field(max_length=64)] = []
    size_bytes: int = 0


class FineTuneJobStatus(ObservedModel):
    """What the operator has seen and decided."""

    observed_generation: int = -1
    """Generation of the spec that this status speaks of; -1 before the operator has seen the object."""
    phase: Phase | None = None
    """For the print column; conditions are the truth."""
    step: ShortText | None = None
    """The current step."""
    run_id: ShortText | None = None
    run_attempt: int | None = None
    """The value of spec.runAttempt that this run belongs to."""
    start_time: Timestamp | None = None
    completion_time: Timestamp | None = None
    suspended_since: Timestamp | None = None
    suspended_seconds: int = 0
    """Time in suspension before `suspendedSince`; deadlines leave it out."""
    conditions: Annotated[
        list[Condition],
        Field(
            max_length=32, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
        ),
    ] = []
    resolved: Resolved | None = None
    steps: Annotated[
        list[StepStatus],
        Field(
            max_length=16, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
        ),
    ] = []
    progress: Progress | None = None
    dataset: DatasetStatus | None = None
    checkpoints: Annotated[list[Checkpoint], Field(max_length=8)] = []
    """The newest checkpoint of each train step that has one."""
    evaluation: EvaluationStatus | None = None
    adapter: AdapterStatus | None = None
    failure: Failure | None = None
    attempts: Annotated[list[AttemptRecord], Field(max_length=MOST_ATTEMPTS)] = []
    """Attempts that are over, of this run and of those before it; the newest last."""
