"""What the operator tells a pod (RunConfig) and what the pod tells the operator (RunResult, ProgressReport)."""

import json
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from tunewright_api.base import ApiModel, Digest, ObservedModel, ShortText, Text
from tunewright_api.names import TERMINATION_MESSAGE_BYTES, checkpoint_place, run_prefix
from tunewright_api.pricing import Pricing
from tunewright_api.spec import FineTuneJobSpec
from tunewright_api.status import (
    AdapterStatus,
    Checkpoint,
    DatasetStatus,
    EvaluationStatus,
    Failure,
    Figures,
    Progress,
    ResolvedStage,
)


class StepInput(ApiModel):
    """An earlier step's committed result, as the operator recorded it. A manifest found in the bucket proves nothing by itself."""

    manifest_uri: Text = Field(alias="manifestURI")
    digest: Digest


class RunConfig(ApiModel):
    """All that one pod needs to know. Handed over as JSON in the variable TUNEWRIGHT_RUN_CONFIG."""

    schema_version: Literal[1] = 1
    namespace: ShortText
    name: ShortText
    uid: ShortText
    run_id: ShortText
    step: ShortText
    attempt: Annotated[int, Field(ge=1)]
    inputs: dict[str, StepInput] = {}
    """Results of the earlier steps, by step name."""
    image: Text | None = None
    """The image that this pod runs, for the provenance record."""
    pricing: Pricing | None = None
    """The GPU of this cluster and its price, for the estimate."""
    spec: FineTuneJobSpec

    @property
    def run_uri(self) -> str:
        """The URI under which everything of this run lives."""
        return run_prefix(self.spec.output.uri, self.namespace, self.name, self.run_id)

    @property
    def resume_uri(self) -> str | None:
        """The checkpoint of an earlier run that this step begins from, if spec.resumeFrom names one of this step."""
        place = checkpoint_place(self.spec.resume_from) if self.spec.resume_from else None
        return self.spec.resume_from if place is not None and place.step == self.step else None

    def is_own_run(self, run_uri: str) -> bool:
        """Whether a run is one of this job, by its URI: no other's files are read as if they were."""
        return run_uri == run_prefix(self.spec.output.uri, self.namespace, self.name, run_uri.rpartition("/")[2])


class RunResult(ObservedModel):
    """How an attempt ended: the pod's termination message. At most 4096 bytes of JSON."""

    schema_version: int = 1
    step: ShortText
    attempt: int
    failure: Failure | None = None
    """Absent when the step succeeded."""
    manifest_uri: Text | None = Field(default=None, alias="manifestURI")
    digest: Digest | None = None
    reused: bool = False
    """True when an earlier attempt had committed the step already."""
    figures: Figures = {}
    resolved: ResolvedStage | None = None
    dataset: DatasetStatus | None = None
    checkpoint: Checkpoint | None = None
    """The newest checkpoint, also of an attempt that was stopped."""
    evaluation: EvaluationStatus | None = None
    adapter: AdapterStatus | None = None
    log: Text = ""
    """Last lines of the log of an attempt that failed, with secrets and addresses masked."""


class ProgressReport(ObservedModel):
    """What a trainer pod serves at /progress."""

    progress: Progress
    resolved: ResolvedStage | None = None
    checkpoint: Checkpoint | None = None
    result: RunResult | None = None
    """Set once the step has ended, for a reader that comes before the pod is gone."""


def termination_message(result: RunResult) -> str:
    """The result as JSON of at most 4096 bytes: what can be had from the manifest or the report again is left out first, texts are cut last."""
    for shorter in _shorter(result):
        text = shorter.model_dump_json(by_alias=True, exclude_none=True)
        if len(text.encode()) <= TERMINATION_MESSAGE_BYTES:
            return text
    raise ValueError("a result with neither texts nor tables is larger than a termination message")


def _shorter(result: RunResult) -> Iterator[RunResult]:
    """The result, and what is left of it when more and more is left out."""
    yield result
    result = result.model_copy(update={"resolved": None})
    yield result
    result = result.model_copy(update={"figures": {}})
    yield result
    result = result.model_copy(update={"log": ""})
    yield result
    for most in (6, 3, 0):
        result = _with_findings(result, most)
        yield result
    result = result.model_copy(update={"evaluation": None, "checkpoint": None})
    yield result
    for longest in (1200, 600, 200):
        yield _with_texts(result, longest)
    # What is left is a failure's class and what is committed: that stands nowhere else.
    yield _with_texts(result.model_copy(update={"dataset": None, "adapter": None}), 200)


def _with_findings(result: RunResult, most: int) -> RunResult:
    """The gravest stand first."""
    dataset = result.dataset
    if dataset is None:
        return result
    return result.model_copy(update={"dataset": dataset.model_copy(update={"findings": dataset.findings[:most]})})


def _with_texts(result: RunResult, most_bytes: int) -> RunResult:
    """The sentences, each in so many bytes of JSON."""
    failure, dataset = result.failure, result.dataset
    changes: dict[str, Failure | DatasetStatus] = {}
    if failure is not None:
        texts = {"message": _cut(failure.message, most_bytes), "hint": _cut(failure.hint, most_bytes)}
        changes["failure"] = failure.model_copy(update=texts)
    if dataset is not None:
        texts = {"message": _cut(dataset.message, most_bytes // 2), "fit": _cut(dataset.fit, most_bytes // 2)}
        changes["dataset"] = dataset.model_copy(update=texts)
    return result.model_copy(update=changes)


def _cut(text: str, most_bytes: int) -> str:
    """A control character takes six bytes of JSON, an emoji four: characters say nothing about room."""
    if len(json.dumps(text, ensure_ascii=False).encode()) - 2 <= most_bytes:
        return text
    room = most_bytes - len("...")
    for index, character in enumerate(text):
        room -= len(json.dumps(character, ensure_ascii=False).encode()) - 2
        if room < 0:
            return f"{text[:index]}..." if index else ""
    return text
