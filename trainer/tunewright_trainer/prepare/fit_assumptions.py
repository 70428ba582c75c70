"""What an estimate rests on, a sentence each: who knows better can correct it. Pure."""

from collections.abc import Sequence

from tunewright_api.methods import GENERATING
from tunewright_trainer.prepare.fit_plan import Machine, StagePlan
from tunewright_trainer.prepare.memory import GIB, LIBRARY_BYTES
from tunewright_trainer.prepare.readable import brief, size
from tunewright_trainer.prepare.training_time import EFFICIENCY, LAYER_SECONDS


def sentences(plans: Sequence[StagePlan], machine: Machine) -> list[str]:
    """For all stages together."""
    if not plans:
        return []
    return [*_machine(machine), *_memory(plans[0]), *_time(plans, machine), *_not_counted(plans)]


def _not_counted(plans: Sequence[StagePlan]) -> list[str]:
    writing = [plan.stage.name for plan in plans if plan.stage.method in GENERATING]
    taught = [plan.stage.name for plan in plans if plan.stage.teacher]
    return [
        *(
            [f"The time of {', '.join(writing)} is not told: it depends on the answers that the model writes."]
            if writing
            else []
        ),
        *([f"The teacher of {', '.join(taught)} is not counted: it lies beside the model in bf16."] if taught else []),
    ]


def _machine(machine: Machine) -> list[str]:
    gpu = machine.gpu
    if gpu is None:
        return [
            f"Training runs on the CPU ({machine.reason}); how long that takes depends too much on the machine to be told."
        ]
    price = (
        f"An hour of it costs {machine.price:g} {machine.currency}."
        if machine.price is not None
        else "No price is set for it, so no cost is told."
    )
    return [
        f"One {gpu.name} with {gpu.memory_bytes / GIB:.1f} GiB: {machine.reason} ({gpu.source}).",
        price,
        "A tenth of the memory is kept free: allocators waste some.",
    ]


def _memory(plan: StagePlan) -> list[str]:
    load, shape = plan.load, plan.load.shape
    trained = load.least - load.weights - LIBRARY_BYTES
    counted = "counted in its weights" if shape.exact else "derived from config.json"
    said = [
        f"The base model has {brief(shape.parameters)} parameters, {counted}: {size(load.weights)}; the adapter with its gradients and Adam's moments in float32 takes {size(trained)}, the libraries {size(LIBRARY_BYTES)}.",
        "The rest grows with the rows in memory at once: microBatchSize times the longest row, twice for pairs."
        + (" Activations are computed anew in the backward pass." if load.checkpointing else " Activations are kept."),
    ]
    said.append(f"The evaluation loads the base model in bf16, which takes {size(load.evaluation)}.")
    if shape.expert_parameters:
        said.append("Experts are charged at bf16, whatever spec.tuning.quantization says: they are not quantised.")
    return said


def _time(plans: Sequence[StagePlan], machine: Machine) -> list[str]:
    gpu = machine.gpu
    if gpu is None:
        return []
    padded = max(
        plan.rows.padded_length(plan.settings.micro_batch_size) * plan.rows.rows / max(1, plan.rows.tokens)
        for plan in plans
    )
    return [
        f"Speed: {EFFICIENCY * 100:.0f} % of the data sheet's {gpu.flops / 1e12:.0f} TFLOP/s in bf16, as published runs of 7B and 8B models reach it; small models and short rows reach less, at the least {LAYER_SECONDS * 1000:g} ms for each layer and micro-batch.",
        f"Rows are padded to the longest of their micro-batch: up to {padded:.2f} times the tokens of the data.",
        "The time is that of training alone: loading, checkpoints, validation and the evaluation come on top.",
    ]
