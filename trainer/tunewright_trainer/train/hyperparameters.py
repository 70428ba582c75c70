"""Chooses every number that the spec leaves out, and says why. Pure."""

import math
from dataclasses import dataclass
from typing import TypeVar

from tunewright_api.stages import Hyperparameters, Method, Stage
from tunewright_api.status import ResolvedStage, ResolvedValue
from tunewright_api.tuning import Tuning

Number = TypeVar("Number", int, float)

DEFAULT_RANK = 16
LEARNING_RATES = {
    Method.SFT: (2e-4, "ten times the rate for full weights suits LoRA"),
    Method.DPO: (5e-6, "preferences need small steps, or the model forgets"),
}
EPOCHS = {
    Method.SFT: (3.0, "one to three passes; more memorises"),
    Method.DPO: (1.0, "a second pass over preferences over-fits"),
}


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
    micro_batch_size: int
    max_length: int
    warmup_steps: int
    weight_decay: float
    beta: float
    checkpoint_steps: int
    rank: int
    alpha: int
    dropout: float

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


def largest_micro_batch(batch: int) -> int:
    """The largest of 8, 4, 2, 1 that divides the batch."""
    return next(size for size in (8, 4, 2, 1) if batch % size == 0)


def _batch_size(given: Hyperparameters, rows: int) -> tuple[int, str]:
    if given.micro_batch_size:
        return max(
            given.micro_batch_size, 16 // given.micro_batch_size * given.micro_batch_size
        ), "a multiple of microBatchSize near 16"
    if rows >= 64:
        return 16, "small batches learn more per row with LoRA"
    return (4, "the data set has fewer than 64 rows") if rows >= 16 else (1, "the data set has fewer than 16 rows")


def resolve(stage: Stage, tuning: Tuning, data: Data) -> tuple[Settings, ResolvedStage]:
    """Choose all numbers of `stage` for `data`; the second value tells a person about it."""
    given = stage.hyperparameters or Hyperparameters()
    ledger = _Ledger()
    batch = ledger.pick("batchSize", given.batch_size, *_batch_size(given, data.train_rows))
    epochs = ledger.pick("epochs", given.epochs, *EPOCHS[stage.method])
    steps_an_epoch = math.ceil(data.train_rows / batch)
    all_steps = max(1, math.ceil(epochs * steps_an_epoch))
    total = ledger.pick("maxSteps", given.max_steps, all_steps, f"{epochs:g} epochs of {steps_an_epoch} steps")
    rank = ledger.pick("rank", tuning.rank, DEFAULT_RANK, "rank 8 to 16 is enough for style and format")
    settings = Settings(
        epochs=epochs,
        total_steps=total,
        batch_size=batch,
        micro_batch_size=ledger.pick(
            "microBatchSize",
            given.micro_batch_size,
            largest_micro_batch(batch),
            "the largest of 8, 4, 2, 1 that divides batchSize",
        ),
        learning_rate=ledger.pick("learningRate", given.learning_rate, *LEARNING_RATES[stage.method]),
        max_length=ledger.pick(
            "maxLength", given.max_length, min(data.longest_tokens, data.context_length), "the longest row of the data"
        ),
        warmup_steps=ledger.pick("warmupSteps", given.warmup_steps, round(total / 10), "a tenth of all steps"),
        weight_decay=ledger.pick("weightDecay", given.weight_decay, 0.0, "the adapter is small already"),
        checkpoint_steps=ledger.pick(
            "checkpointSteps", given.checkpoint_steps, max(10, total // 10), "a tenth of all steps, at least 10"
        ),
        beta=ledger.pick("beta", given.beta, 0.1, "the usual strength of the tie to the starting point")
        if stage.method is Method.DPO
        else 0.0,
        rank=rank,
        alpha=ledger.pick("alpha", tuning.alpha, 2 * rank, "twice the rank"),
        dropout=ledger.pick("dropout", tuning.dropout, 0.0, "one to three passes need none"),
    )
    return settings, ResolvedStage(
        name=stage.name, method=f"{stage.method} {tuning.method_name}", hyperparameters=ledger.values
    )
