"""Chooses every number that the spec leaves out, and says why. Pure."""

import math
from dataclasses import dataclass
from typing import TypeVar

from tunewright_api.methods import FIELD_METHODS, GENERATING, REWARDED, Method
from tunewright_api.stages import Hyperparameters, Stage
from tunewright_api.status import ResolvedStage, ResolvedValue
from tunewright_api.tuning import Tuning, TuningType
from tunewright_trainer.train import method_defaults as defaults

Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class Data:
    """What the choice depends on."""

    train_rows: int
    longest_tokens: int
    context_length: int


@dataclass(frozen=True)
class Settings:
    """All numbers of one stage, chosen."""

    epochs: float
    total_steps: int
    learning_rate: float
    batch_size: int
    """Rows for one optimizer step; answers, for methods that are rewarded."""
    micro_batch_size: int
    max_length: int
    warmup_steps: int
    weight_decay: float
    beta: float
    checkpoint_steps: int
    rank: int
    alpha: int
    dropout: float
    generations: int = 0
    """Answers to each prompt; 0 for methods that are not rewarded."""
    max_new_tokens: int = 0
    """Longest answer of the model's own; 0 for methods that do not answer."""
    virtual_tokens: int = 0
    """Trained tokens before each prompt; 0 unless the type is prompt learning."""

    @property
    def accumulation_steps(self) -> int:
        """Micro-batches for one optimizer step."""
        return self.batch_size // self.micro_batch_size


class _Ledger:
    """Takes what is given, else what is chosen, and keeps the reasons of the latter."""

    def __init__(self) -> None:
        self.values: list[ResolvedValue] = []

    def pick(self, name: str, given: Number | None, chosen: Number, reason: str) -> Number:
        value = chosen if given is None else given
        self.values.append(
            ResolvedValue(name=name, value=f"{value:.15g}", reason=reason if given is None else "given in the spec")
        )
        return value


def largest_micro_batch(batch: int, method: Method) -> int:
    """The largest of 8, 4, 2, 1 that divides the batch; KTO's is never 1, for it compares the answers in it."""
    largest = next(size for size in (8, 4, 2, 1) if batch % size == 0)
    return batch if method is Method.KTO and largest == 1 else largest


def _batch_size(given: Hyperparameters, method: Method, rows: int) -> tuple[int, str]:
    if given.micro_batch_size:
        return max(
            given.micro_batch_size, 16 // given.micro_batch_size * given.micro_batch_size
        ), "a multiple of microBatchSize near 16"
    if rows >= 64:
        return 16, "small batches learn more per row with LoRA"
    if rows >= 16:
        return 4, "the data set has fewer than 64 rows"
    if method is Method.KTO:
        return 2, "the data set has fewer than 16 rows, and KTO compares the answers of a batch"
    return 1, "the data set has fewer than 16 rows"


def _answers(given: Hyperparameters, generations: int, rows: int) -> tuple[int, str]:
    """Answers for one step of a rewarded method."""
    if given.micro_batch_size:
        return math.lcm(given.micro_batch_size, generations), "the least that microBatchSize and generations divide"
    prompts = min(defaults.PROMPTS_AT_ONCE, max(1, rows // 2))
    return prompts * generations, f"all answers to {prompts} prompts"


def _learning_rate(method: Method, tuning: Tuning) -> tuple[float, str]:
    rate, reason = defaults.LEARNING_RATES[method]
    if tuning.type not in defaults.TYPE_RATES:
        return rate, reason
    factor, reason = defaults.TYPE_RATES[tuning.type]
    return rate * factor, reason


def _new_tokens(data: Data) -> tuple[int, str]:
    room = data.context_length - data.longest_tokens
    if room >= defaults.NEW_TOKENS:
        return defaults.NEW_TOKENS, "room for a few paragraphs"
    return max(1, room), "what the longest prompt leaves of the model's context"


@dataclass(frozen=True)
class _Choice:
    """One stage's choices, written down as they are made."""

    stage: Stage
    tuning: Tuning
    data: Data
    ledger: _Ledger

    @property
    def given(self) -> Hyperparameters:
        return self.stage.hyperparameters or Hyperparameters()

    def batch(self) -> tuple[int, int]:
        """(answers to each prompt, rows of a step)."""
        method, rows = self.stage.method, self.data.train_rows
        if method not in REWARDED:
            return 0, self.ledger.pick("batchSize", self.given.batch_size, *_batch_size(self.given, method, rows))
        value, reason = defaults.GENERATIONS[method]
        generations = self.ledger.pick("generations", self.given.generations, int(value), reason)
        return generations, self.ledger.pick(
            "batchSize", self.given.batch_size, *_answers(self.given, generations, rows)
        )

    def beta(self) -> float:
        method = self.stage.method
        if method not in FIELD_METHODS["beta"]:
            return 0.0
        return self.ledger.pick("beta", self.given.beta, *defaults.BETAS[method])

    def new_tokens(self) -> int:
        if self.stage.method not in GENERATING:
            return 0
        return self.ledger.pick("maxNewTokens", self.given.max_new_tokens, *_new_tokens(self.data))

    def adapter(self) -> tuple[int, int, float]:
        """(rank, alpha, dropout); nothing, unless the type is LoRA."""
        if self.tuning.type is not TuningType.LORA:
            return 0, 0, 0.0
        rank = self.ledger.pick("rank", self.tuning.rank, defaults.RANK, "rank 8 to 16 is enough for style and format")
        alpha, reason = (
            (round(2 * math.sqrt(rank)), "twice the root of the rank, by which rsLoRA divides")
            if self.tuning.rslora
            else (2 * rank, "twice the rank")
        )
        return (
            rank,
            self.ledger.pick("alpha", self.tuning.alpha, alpha, reason),
            self.ledger.pick("dropout", self.tuning.dropout, 0.0, "one to three passes need none"),
        )

    def virtual_tokens(self) -> int:
        if not self.tuning.is_prompt_learning:
            return 0
        return self.ledger.pick(
            "virtualTokens", self.tuning.virtual_tokens, defaults.VIRTUAL_TOKENS, "more add little beyond twenty"
        )


def resolve(stage: Stage, tuning: Tuning, data: Data) -> tuple[Settings, ResolvedStage]:
    """Choose all numbers of `stage` for `data`; the second value tells a person about it."""
    ledger = _Ledger()
    choice = _Choice(stage, tuning, data, ledger)
    given = choice.given
    generations, batch = choice.batch()
    epochs = ledger.pick("epochs", given.epochs, *defaults.EPOCHS[stage.method])
    steps_an_epoch = math.ceil(data.train_rows * max(1, generations) / batch)
    all_steps = max(1, math.ceil(epochs * steps_an_epoch))
    total = ledger.pick("maxSteps", given.max_steps, all_steps, f"{epochs:g} epochs of {steps_an_epoch} steps")
    rank, alpha, dropout = choice.adapter()
    settings = Settings(
        epochs=epochs,
        total_steps=total,
        batch_size=batch,
        micro_batch_size=ledger.pick(
            "microBatchSize",
            given.micro_batch_size,
            largest_micro_batch(batch, stage.method),
            "the largest of 8, 4, 2, 1 that divides batchSize",
        ),
        learning_rate=ledger.pick("learningRate", given.learning_rate, *_learning_rate(stage.method, tuning)),
        max_length=ledger.pick(
            "maxLength", given.max_length, min(data.longest_tokens, data.context_length), "the longest row of the data"
        ),
        warmup_steps=ledger.pick("warmupSteps", given.warmup_steps, round(total / 10), "a tenth of all steps"),
        weight_decay=ledger.pick(
            "weightDecay", given.weight_decay, 0.0, "few weights are trained, or for a short time"
        ),
        checkpoint_steps=ledger.pick(
            "checkpointSteps", given.checkpoint_steps, max(10, total // 10), "a tenth of all steps, at least 10"
        ),
        beta=choice.beta(),
        rank=rank,
        alpha=alpha,
        dropout=dropout,
        generations=generations,
        max_new_tokens=choice.new_tokens(),
        virtual_tokens=choice.virtual_tokens(),
    )
    return settings, ResolvedStage(
        name=stage.name, method=f"{stage.method} {tuning.method_name}", hyperparameters=ledger.values
    )
