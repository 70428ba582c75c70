"""What the operator tells a pod (RunConfig) and what the pod tells the operator (RunResult, ProgressReport)."""

from typing import Annotated, Literal

from pydantic import Field

from tunewright_api.base import ApiModel, Digest, ObservedModel, ShortText, Text
from tunewright_api.names import TERMINATION_MESSAGE_BYTES, checkpoint_place, run_prefix
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
    """The result as JSON of at most 4096 bytes: what can be had from the manifest again is left out first, texts are cut last."""
    empty: dict[str, object] = {"resolved": None, "figures": {}, "log": "", "evaluation": None, "checkpoint": None}
    for count in (0, 1, 2, 3, 5):
        dropped = dict(list(empty.items())[:count])
        text = result.model_copy(update=dropped).model_dump_json(by_alias=True, exclude_none=True)
        if len(text.encode()) <= TERMINATION_MESSAGE_BYTES:
            return text
    failure = result.failure
    short = RunResult(
        step=result.step,
        attempt=result.attempt,
        manifest_uri=result.manifest_uri,
        digest=result.digest,
        failure=failure.model_copy(update={"message": failure.message[:600] + "..."}) if failure else None,
    )
    return short.model_dump_json(by_alias=True, exclude_none=True)
