"""How long training takes on a GPU, from the operations it cannot do without. Pure.

A frozen weight needs no gradient of its own, so LoRA costs 4 operations a parameter and token where full training costs 6;
checkpointing computes the forward pass twice, and TRL's fused head computes the logits anew in the backward pass."""

from tunewright_api.gpus import Gpu
from tunewright_api.tuning import Quantization
from tunewright_trainer.prepare.memory import Load

EFFICIENCY = 0.4
"""Of the data sheet's peak. Published LoRA runs of 7B and 8B models reach 0.40 (LLaMA-Factory, A100, recomputation counted) to 0.42 (NeMo, H100)."""
DEQUANTISED_BYTES = 2.58
"""Read and written for each 4-bit parameter when it is turned into bf16: once in each pass over the weights."""
USED_BANDWIDTH = 0.6
LAYER_SECONDS = 0.001
"""Least time of one layer and micro-batch, there and back: some 200 kernels are launched one after the other, however small they are. An estimate of ours."""


def operations(load: Load, length: float, *, reference: bool = False) -> float:
    """For one token of a row of `length` tokens. `reference`: a frozen model looks at each row too, as in DPO."""
    shape = load.shape
    linear, head = 2 * shape.active_parameters, 2 * shape.vocabulary * shape.hidden
    attention = 2 * shape.layers * shape.query_width * length
    forward = linear + head + attention
    backward = linear + head + 2 * attention
    trained = linear + head if load.full else 6 * load.trained_parameters
    anew = (linear + attention if load.checkpointing else 0) + (head if load.fused_head else 0)
    return forward + backward + trained + anew + (forward if reference else 0)


def seconds(
    load: Load, gpu: Gpu, *, tokens: float, length: float, micro_batches: int, reference: bool = False
) -> float:
    """To train on so many tokens, padding counted, in so many micro-batches."""
    computing = tokens * operations(load, length, reference=reference) / (EFFICIENCY * gpu.flops)
    computing = max(computing, micro_batches * load.shape.layers * LAYER_SECONDS)
    if load.quantization is not Quantization.NF4:
        return computing
    passes = (3 if load.checkpointing else 2) + (1 if reference else 0)
    moved = passes * load.shape.linear_parameters * DEQUANTISED_BYTES
    return computing + micro_batches * moved / (USED_BANDWIDTH * gpu.bandwidth)
