"""The spec of a FineTuneJob."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from tunewright_api import names
from tunewright_api.base import ApiModel, Boolean, Integer, Number, Text, Uri, cel, matching
from tunewright_api.compute import Compute
from tunewright_api.data import Data
from tunewright_api.evaluation import Evaluation
from tunewright_api.limits import Limits
from tunewright_api.methods import Method
from tunewright_api.stages import Stage
from tunewright_api.storage import SecretReference, Storage
from tunewright_api.tuning import Tuning

LARGEST_SPEC_BYTES = 100_000
"""As JSON. A pod is told it in one variable, and Linux starts no process with a variable of 128 KiB or more."""
MUTABLE_FIELDS = ("suspend", "cancel", "runAttempt", "limits", "ttlSecondsAfterFinished", "resumeFrom")
"""What may change after creation; everything else decides what a run means."""


RESUME_OF_NO_STAGE = "must be a checkpoint of one of spec.stages: its URI has /train-<stage>/ in it"


class Model(ApiModel):
    """The base model."""

    uri: Uri
    """Folder with config.json, tokenizer and *.safetensors: s3://bucket/folder."""
    id: Annotated[
        str,
        Field(max_length=256),
        *matching(
            r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?",
            "must be the model's name as its publisher writes it, such as HuggingFaceTB/SmolLM2-135M-Instruct",
        ),
    ]
    """Canonical id, written into the adapter so that servers accept it: organisation/name."""


class Split(ApiModel):
    """One split for the whole job: a row's part is a function of its prompt, the same in every stage, and appending rows moves no row."""

    model_config = {
        "json_schema_extra": cel(
            (
                "(has(self.validation) ? self.validation : 0.1) + (has(self.test) ? self.test : 0.1) < 0.9",
                "validation and test together must stay under 0.9: nothing would be left to train on",
            )
        )
    }

    validation: Annotated[Number, Field(ge=0, lt=0.9)] = 0.1
    """Share of prompts held out for watching training. Default: 0.1."""
    test: Annotated[Number, Field(gt=0, lt=0.9)] = 0.1
    """Share of prompts held out for the evaluation. Default: 0.1."""
    seed: Annotated[Integer, Field(ge=0, le=2_147_483_647)] = 0
    """Another seed gives another split. Default: 0."""

    @model_validator(mode="after")
    def _leaves_rows(self) -> Self:
        if self.validation + self.test >= 0.9:
            raise ValueError("validation and test together must stay under 0.9: nothing would be left to train on")
        return self


class Servable(StrEnum):
    """What has to be able to load the result."""

    VLLM = "vLLM"
    PEFT = "PEFT"


class Output(ApiModel):
    """Where the result goes."""

    uri: Uri
    """Folder for runs and their adapters: s3://bucket/folder. A run writes to <uri>/<namespace>/<name>/<run id>/."""
    servable: Servable | None = None
    """vLLM refuses tunings that vLLM cannot serve (DoRA, PromptTuning, PrefixTuning); PEFT takes all of them, to be loaded with the peft or transformers library. Default: vLLM where it can serve the tuning, else PEFT."""


_NO_POLICY = "stages: a Reward stage only trains a scorer; add the GRPO or RLOO stage that learns from it"
_PROMPT_LEARNING = "tuning.type PromptTuning and PrefixTuning learn by method SFT only: change the type, or the methods"
_NOT_SERVABLE = "output.servable: vLLM cannot serve DoRA, PromptTuning or PrefixTuning; set output.servable to PEFT, or change spec.tuning"


class FineTuneJobSpec(ApiModel):
    """What to train, on what, and where the result goes. Immutable, except suspend, cancel, runAttempt, limits, ttlSecondsAfterFinished and, with runAttempt, resumeFrom."""

    model_config = {
        "json_schema_extra": cel(
            ("size(self.stages) == 0 || self.stages.exists(s, s.method != 'Reward')", _NO_POLICY),
            (
                "!has(self.tuning) || !has(self.tuning.type) || !(self.tuning.type in ['PromptTuning', 'PrefixTuning']) || self.stages.all(s, s.method == 'SFT')",
                _PROMPT_LEARNING,
            ),
            (
                "!has(self.output.servable) || self.output.servable != 'vLLM' || !has(self.tuning) || !((has(self.tuning.dora) && self.tuning.dora) || (has(self.tuning.type) && self.tuning.type in ['PromptTuning', 'PrefixTuning']))",
                _NOT_SERVABLE,
            ),
        )
    }

    image: Text | None = None
    """Trainer image. Default: the operator's, as its Helm chart sets it."""
    image_pull_secrets: Annotated[list[SecretReference], Field(max_length=8)] | None = None
    """Secrets to pull the image with."""
    seed: Annotated[Integer, Field(ge=0, le=2_147_483_647)] = 42
    """Seed of everything random in training. Default: 42."""
    model: Model
    """The base model."""
    tuning: Tuning = Tuning()
    """The weights that are trained. Default: LoRA of rank 16."""
    stages: Annotated[
        list[Stage],
        Field(
            min_length=1,
            max_length=8,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ]
    """Training, in order: say SFT, then DPO. All but Reward stages form one chain."""
    split: Split = Split()
    """How rows are held out. Default: 80/10/10."""
    data: Data = Data()
    """The data gate: what it looks for, and what it does about it."""
    evaluation: Evaluation = Evaluation()
    """How the result is held against the base model."""
    output: Output
    """Where the result goes."""
    storage: Storage = Storage()
    """Object storage for model, data sets and output."""
    compute: Compute = Compute()
    """What the pods ask of the cluster."""
    limits: Limits = Limits()
    """How long the run may take and how often it is tried."""
    suspend: Boolean = False
    """True stops the pods; false goes on from the last checkpoint."""
    cancel: Boolean = False
    """True ends the run for good. It cannot be taken back: raise runAttempt to run again."""
    run_attempt: Annotated[Integer, Field(ge=1, le=10_000)] = 1
    """Raise it to run the same spec again, after a failure or a cancellation."""
    resume_from: (
        Annotated[
            str,
            Field(max_length=1024),
            *matching(
                names.CHECKPOINT_URI,
                "must be a checkpoint of this job as status.checkpoints shows it: s3://.../train-<stage>/a<attempt>-<pod>/checkpoint-<step>",
            ),
        ]
        | None
    ) = None
    """Checkpoint of an earlier run of this job that the run begins from, by its URI in status.checkpoints. If that run was the one before, the results of the steps before the checkpoint are kept; data that was changed since is not read again. Refused when model, data, stage, tuning, seed or kind of device differ. Changes only together with runAttempt. Default: begin from the beginning."""
    ttl_seconds_after_finished: Annotated[Integer, Field(ge=0, le=315_360_000)] | None = None
    """Per run: delete its Jobs and their pods so many seconds after it has finished. This object, its status and what was published stay. Default: keep them."""

    @model_validator(mode="after")
    def _stages_fit_together(self) -> Self:
        problems = [*self._name_problems(), *self._chain_problems()]
        if self.tuning.is_prompt_learning and any(stage.method is not Method.SFT for stage in self.stages):
            problems.append(_PROMPT_LEARNING)
        if self.output.servable is Servable.VLLM and not self._vllm_can_serve:
            problems.append(_NOT_SERVABLE)
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _name_problems(self) -> list[str]:
        stage_names = [stage.name for stage in self.stages]
        doubles = sorted({name for name in stage_names if stage_names.count(name) > 1})
        return [f"stages: the name '{doubles[0]}' stands twice; each stage needs its own"] if doubles else []

    def _chain_problems(self) -> list[str]:
        """Who learns from whom: a scorer comes before those that it scores, and SDFT's teacher is the base model."""
        problems = [] if self.policy_stages() else [_NO_POLICY]
        scorers: set[str] = set()
        wanted = {name for stage in self.stages for name in stage.scorers}
        for stage in self.stages:
            problems += [
                f"stages[{stage.name}].rewards: there is no Reward stage '{name}' before this one; name one of those before it, or move it"
                for name in stage.scorers
                if name not in scorers
            ]
            if stage.method is Method.REWARD:
                scorers.add(stage.name)
                if stage.name not in wanted:
                    problems.append(
                        f"stages[{stage.name}]: nothing learns from this Reward stage; name it in the rewards of a later GRPO or RLOO stage"
                    )
            if stage.method is Method.SDFT and stage is not self.policy_stages()[0]:
                problems.append(
                    f"stages[{stage.name}]: SDFT learns from the base model, so it must be the first stage of the chain"
                )
        return problems

    @property
    def _vllm_can_serve(self) -> bool:
        return not self.tuning.dora and not self.tuning.is_prompt_learning

    @property
    def servable(self) -> Servable:
        """What will be able to load the result: as asked for, else vLLM where it can."""
        return self.output.servable or (Servable.VLLM if self._vllm_can_serve else Servable.PEFT)

    def policy_stages(self) -> tuple[Stage, ...]:
        """The chain: stages that go on with the weights of the one before. Reward stages stand beside it."""
        return tuple(stage for stage in self.stages if stage.method is not Method.REWARD)

    def stage_before(self, stage: Stage) -> Stage | None:
        """The policy stage whose weights `stage` starts from; None starts from the base model."""
        before = self.stages[: [other.name for other in self.stages].index(stage.name)]
        return next((other for other in reversed(before) if other.method is not Method.REWARD), None)

    @model_validator(mode="after")
    def _resumes_a_stage(self) -> Self:
        place = names.checkpoint_place(self.resume_from) if self.resume_from else None
        if place is not None and place.step not in self.steps():
            raise ValueError(f"resumeFrom: {RESUME_OF_NO_STAGE}")
        return self

    @model_validator(mode="after")
    def _fits_into_a_variable(self) -> Self:
        size = len(self.model_dump_json(by_alias=True, exclude_none=True).encode())
        if size > LARGEST_SPEC_BYTES:
            raise ValueError(
                f"is {size} bytes long as JSON, and pods can be told {LARGEST_SPEC_BYTES}: shorten compute.env or trainingArguments"
            )
        return self

    def steps(self) -> tuple[str, ...]:
        """The steps of a run, in order."""
        return (
            names.PREPARE,
            *(names.train_step(stage.name) for stage in self.stages),
            names.PACKAGE,
            names.EVALUATE,
            names.PUBLISH,
        )

    def stage_of(self, step: str) -> Stage | None:
        """The stage that a train step trains; None for the other steps."""
        return next((stage for stage in self.stages if names.train_step(stage.name) == step), None)
