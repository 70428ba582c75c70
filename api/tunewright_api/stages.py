"""The stages of training, each with its method and data."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from tunewright_api.base import ApiModel, FreeForm, cel, matching
from tunewright_api.datasets import Dataset, DatasetFormat
from tunewright_api.hyperparameters import Hyperparameters
from tunewright_api.methods import FIELD_METHODS, METHOD_FORMATS, REWARDED, Method, listed
from tunewright_api.rewards import COMPARING, Reward, Teacher
from tunewright_api.training_arguments import denied

__all__ = ["DatasetFormat", "Hyperparameters", "Method", "Stage"]

_MICRO_BATCH = "method KTO compares the answers of one micro-batch with each other: batchSize and microBatchSize must be at least 2"
_REWARDS = f"rewards belongs to the methods {listed(REWARDED)}, which need at least one: say what is rewarded"
_TEACHER = "teacher belongs to method Distillation, which needs one: say which model is learned from"
_BETA = "hyperparameters.beta must be above 0 for DPO, KTO and ORPO, and at most 1 for Distillation"


def _formats_rule(method: Method) -> str:
    return f"method {method} reads {listed(METHOD_FORMATS[method])} rows: set dataset.format to one of them or leave it out"


def _field_rule(field: str) -> str:
    names = FIELD_METHODS[field]
    word = "method" if len(names) == 1 else "the methods"
    return f"hyperparameters.{field} belongs to {word} {listed(names)}: remove it, or change the method"


def _quoted(names: tuple[str, ...]) -> str:
    return "[" + ", ".join(f"'{name}'" for name in names) + "]"


class Stage(ApiModel):
    """One pass of training. Each stage goes on with the weights of the one before, on the original base model; a Reward stage stands beside this chain, and trains the scorer of a later GRPO or RLOO stage."""

    model_config = {
        "json_schema_extra": cel(
            *(
                (
                    f"self.method in {_quoted(methods)} || !has(self.hyperparameters) || !has(self.hyperparameters.{field})",
                    _field_rule(field),
                )
                for field, methods in FIELD_METHODS.items()
            ),
            *(
                (
                    f"self.method != '{method}' || !has(self.dataset.format) || self.dataset.format in {_quoted(('Auto', *formats))}",
                    _formats_rule(method),
                )
                for method, formats in METHOD_FORMATS.items()
            ),
            (
                "self.method != 'KTO' || !has(self.hyperparameters) || ((!has(self.hyperparameters.microBatchSize) || self.hyperparameters.microBatchSize > 1) && (!has(self.hyperparameters.batchSize) || self.hyperparameters.batchSize > 1))",
                _MICRO_BATCH,
            ),
            (
                "!has(self.hyperparameters) || !has(self.hyperparameters.beta) || (self.method in ['DPO', 'KTO', 'ORPO'] ? self.hyperparameters.beta > 0.0 : self.method != 'Distillation' || self.hyperparameters.beta <= 1.0)",
                _BETA,
            ),
            (f"(self.method in {_quoted(REWARDED)}) == has(self.rewards)", _REWARDS),
            ("(self.method == 'Distillation') == has(self.teacher)", _TEACHER),
        )
    }

    name: Annotated[
        str,
        Field(max_length=12),
        *matching(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", "must be lower-case letters, digits and dashes, such as sft"),
    ]
    """Name of the stage; its step is called train-<name>."""
    method: Method
    """SFT learns to give the answers of the data. DPO, KTO and ORPO learn to prefer good answers over bad ones: DPO and ORPO from pairs, KTO from single answers with a label. Reward trains a scorer from pairs. GRPO and RLOO answer by themselves and learn from `rewards`. SDFT learns what the base model answers when it is shown the answers of the data, and forgets less by it. Distillation learns from `teacher` on answers of its own."""
    dataset: Dataset
    """The rows to learn from."""
    rewards: Annotated[list[Reward], Field(min_length=1, max_length=4)] | None = None
    """GRPO and RLOO only: what is rewarded."""
    teacher: Teacher | None = None
    """Distillation only: the model that is learned from."""
    hyperparameters: Hyperparameters | None = None
    """Numbers of training, all of them optional."""
    training_arguments: Annotated[FreeForm, Field(max_length=64)] | None = None
    """Further settings of TRL's config for the method (SFTConfig, DPOConfig, ...), by their own names. An unknown name is an error."""

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        problems = denied(self.training_arguments or {})
        given = self.hyperparameters or Hyperparameters()
        values = {"beta": given.beta, "generations": given.generations, "maxNewTokens": given.max_new_tokens}
        problems += [
            _field_rule(field)
            for field, value in values.items()
            if value is not None and self.method not in FIELD_METHODS[field]
        ]
        if self.dataset.format is not DatasetFormat.AUTO and self.dataset.format not in METHOD_FORMATS[self.method]:
            problems.append(_formats_rule(self.method))
        if self.method is Method.KTO and 1 in {given.batch_size, given.micro_batch_size}:
            problems.append(_MICRO_BATCH)
        if given.beta is not None and not self._beta_has_meaning(given.beta):
            problems.append(_BETA)
        if (self.method in REWARDED) != (self.rewards is not None):
            problems.append(_REWARDS)
        if (self.method is Method.DISTILLATION) != (self.teacher is not None):
            problems.append(_TEACHER)
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _beta_has_meaning(self, beta: float) -> bool:
        if self.method in {Method.DPO, Method.KTO, Method.ORPO}:
            return beta > 0
        return self.method is not Method.DISTILLATION or beta <= 1

    @property
    def needs_answer(self) -> bool:
        """Whether a reward compares with the row's own answer."""
        return any(reward.builtin in COMPARING for reward in self.rewards or [])

    @property
    def scorers(self) -> tuple[str, ...]:
        """Names of the Reward stages that this stage learns from."""
        return tuple(reward.stage for reward in self.rewards or [] if reward.stage is not None)
