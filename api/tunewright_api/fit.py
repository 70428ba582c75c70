"""The estimate of what a run will need: memory, time, money. Always with the assumptions it rests on."""

from typing import Annotated

from pydantic import Field

from tunewright_api.base import ObservedModel, ShortText, Text


class StageFit(ObservedModel):
    """One stage."""

    name: ShortText
    method: ShortText = ""
    """As people call it: "SFT QLoRA"."""
    tokens_per_epoch: int
    """Tokens of the training rows."""
    steps: int
    """Optimizer steps in all."""
    batch_size: int = 0
    """Rows for one step."""
    micro_batch_size: int = 0
    """Rows in memory at once."""
    max_length: int = 0
    """Tokens of the longest row."""
    memory_bytes: int
    """Peak of the training pod's GPU (of its main memory, without a GPU)."""
    least_memory_bytes: int = 0
    """What no batch size and no row length can lower: weights, adapter and the libraries themselves."""
    seconds: float | None = None
    """Training alone, on the GPU that is assumed; absent without a GPU."""


class FitEstimate(ObservedModel):
    """All stages."""

    gpu: ShortText = ""
    """The GPU that is assumed; empty when the run trains on the CPU."""
    gpu_named: bool = False
    """Somebody has named that GPU (operator, node selector or command line); else it is a mere example."""
    memory_bytes: int | None = None
    """What that GPU has; without a GPU, the memory limit of the training pod, if there is one."""
    fits: bool
    """The largest stage fits with a tenth to spare; true also when it is not known what there is."""
    evaluation_memory_bytes: int = 0
    """Peak of the evaluation, which loads the base model in bf16 whatever it was trained in."""
    evaluation_fits: bool = True
    """The same of the evaluation, on the GPU that its own node selector names or else on that of training."""
    parameters: int = 0
    """Of the base model."""
    trained_parameters: int = 0
    stages: Annotated[list[StageFit], Field(max_length=8)] = []
    gpu_hours: float = 0.0
    cost: float | None = None
    """In `currency`; absent without a price."""
    currency: ShortText = ""
    assumptions: Annotated[list[Text], Field(max_length=32)] = []
    advice: Text = ""
    """The cheapest change that would fit, if it does not."""

    @property
    def peak_bytes(self) -> int:
        """The largest stage's."""
        return max((stage.memory_bytes for stage in self.stages), default=0)

    @property
    def seconds(self) -> float | None:
        """All stages, one after the other; None without a GPU."""
        times = [stage.seconds for stage in self.stages]
        return None if None in times or not times else sum(time for time in times if time is not None)
