"""The cheapest change that makes a run fit: first what costs nothing, then what costs a little quality, then money. Pure."""

import math
from collections.abc import Sequence
from dataclasses import replace

from tunewright_api.gpus import GPUS
from tunewright_api.tuning import Quantization
from tunewright_trainer.prepare.fit_plan import KEPT_FREE, PRODUCT_LABEL, Machine, StagePlan
from tunewright_trainer.prepare.memory import GIB

SHORTEST_WORTH_IT = 64


def cheapest(plans: Sequence[StagePlan], machine: Machine) -> str:
    """In words, with the fields to set. `machine` has memory that is too small."""
    memory = (machine.memory_bytes or 0) / KEPT_FREE
    quantised = [replace(plan, load=replace(plan.load, quantization=Quantization.NF4)) for plan in plans]
    smaller = _micro_batches(plans, memory)
    if smaller is not None:
        return f"Set {smaller}: the same rows for each step, fewer of them in memory at once."
    if plans[0].load.full:
        return "Leave out tuning.type Full: LoRA trains a hundredth of the weights, and may be quantised."
    if any(plan.load.quantization is Quantization.NONE for plan in plans):
        if all(plan.peak() <= memory for plan in quantised):
            return "Set tuning.quantization to NF4 (QLoRA): the frozen base model takes about a quarter of the memory."
        smaller = _micro_batches(quantised, memory)
        if smaller is not None:
            return f"Set tuning.quantization to NF4 (QLoRA), and {smaller}."
    shorter, larger = _shorter(plans, quantised, memory), _larger(plans, quantised, machine)
    if shorter and larger:
        return f"{shorter} Or {larger}"
    most = max(gpu.memory_bytes for gpu in GPUS) / GIB
    none = f"no single GPU holds this run (the largest in the table has {most:.0f} GiB): use a smaller base model."
    only = shorter or larger or none
    return only[:1].upper() + only[1:]


def _micro_batches(plans: Sequence[StagePlan], memory: float) -> str | None:
    """The largest micro-batches that fit, as fields to set; None when not even single rows do."""
    changes = []
    for plan in plans:
        if plan.peak() <= memory:
            continue
        now, batch = plan.settings.micro_batch_size, plan.settings.batch_size
        sizes = (size for size in range(now - 1, 0, -1) if batch % size == 0 and plan.peak(size) <= memory)
        size = next(sizes, None)
        if size is None:
            return None
        changes.append(f"hyperparameters.microBatchSize of stage {plan.stage.name} to {size}")
    return " and ".join(changes) or None


def _shorter(plans: Sequence[StagePlan], quantised: Sequence[StagePlan], memory: float) -> str:
    """The longest rows that would fit, one at a time, if that is a length worth training on."""
    length = min(_longest(plan, memory) for plan in quantised)
    if length < SHORTEST_WORTH_IT:
        return ""
    quantized = "" if plans[0].load.quantization is Quantization.NF4 else "tuning.quantization to NF4, "
    return (
        f"Set {quantized}hyperparameters.microBatchSize to 1 and hyperparameters.maxLength to {length}, "
        "and leave out the longer rows with data.checks.length Fix."
    )


def _longest(plan: StagePlan, memory: float) -> int:
    """Tokens of the longest row that fits, rounded down to a multiple of 64."""
    one, two = plan.load.peak(0), plan.load.peak(1)
    return int((memory - one) / ((two - one) * plan.sides)) // 64 * 64


def _larger(plans: Sequence[StagePlan], quantised: Sequence[StagePlan], machine: Machine) -> str:
    """The smallest GPU of the table that would do, as the spec stands and on 4 bits; empty when none does."""
    if machine.gpu is None:
        need = max(plan.peak() for plan in plans) * KEPT_FREE / GIB
        return f"raise spec.compute.trainer.resources.limits.memory to {math.ceil(need)}Gi."
    for wanted, words in ((plans, "as it stands"), (quantised, "with NF4")):
        need = max(plan.peak(1) for plan in wanted) * KEPT_FREE
        gpu = next((gpu for gpu in GPUS if gpu.memory_bytes >= need), None)
        if gpu is not None:
            return f"take a GPU like the {gpu.name}, which holds the run {words}, one row at a time."
    return ""


def larger_for_evaluation(memory_bytes: int) -> str:
    """Where a model that trains on 4 bits can be evaluated on 16."""
    gpu = next((gpu for gpu in GPUS if gpu.memory_bytes >= memory_bytes * KEPT_FREE), None)
    if gpu is None:
        return "No single GPU of the table holds the model in bf16 for its evaluation: use a smaller base model."
    label = f", say {{{PRODUCT_LABEL}: {gpu.also[0]}}}"
    return f"The evaluation needs a larger GPU than training: name one in spec.compute.evaluate.nodeSelector{label}."
