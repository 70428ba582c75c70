"""What an estimate is made of: the rows of a stage, the machine, and how the stage will be trained. Pure."""

from dataclasses import dataclass

from tunewright_api.compute import StepCompute, quantity_bytes
from tunewright_api.data_report import Histogram
from tunewright_api.datasets import DatasetFormat
from tunewright_api.gpus import DEFAULT_GPU, Gpu, find_gpu
from tunewright_api.methods import METHOD_FORMATS, REWARDED, Method
from tunewright_api.pricing import Pricing
from tunewright_api.spec import FineTuneJobSpec
from tunewright_api.stages import Stage
from tunewright_trainer.prepare.memory import Load
from tunewright_trainer.train.hyperparameters import Settings

KEPT_FREE = 1.1
"""Allocators waste some memory: what is estimated has to fit with a tenth to spare."""
PRODUCT_LABEL = "nvidia.com/gpu.product"


@dataclass(frozen=True)
class StageRows:
    """The training rows of one stage."""

    rows: int
    tokens: int
    """Of all of them, prompt and (longest) answer."""
    longest: int
    lengths: Histogram | None = None
    """Absent: all rows are of the same length."""

    def padded_length(self, micro_batch: int) -> float:
        """Expected length of a row once it is padded to the longest of its micro-batch, on the high side."""
        if self.lengths is None or not sum(self.lengths.counts):
            return self.tokens / max(1, self.rows)
        # The longest of m rows is at most x with the m-th power of one row's chance.
        total, below, length, before = sum(self.lengths.counts), 0, 0.0, 0.0
        for count, edge in zip(self.lengths.counts, self.lengths.edges[1:], strict=True):
            below += count
            chance = (below / total) ** micro_batch
            length += (chance - before) * min(edge - 1, self.longest)
            before = chance
        return length


@dataclass(frozen=True)
class Machine:
    """What a run is assumed to train on."""

    gpu: Gpu | None
    named: bool
    memory_bytes: int | None
    reason: str
    price: float | None = None
    """Of one hour of that GPU."""
    currency: str = ""


@dataclass(frozen=True)
class StagePlan:
    """All that an estimate of one stage follows from."""

    stage: Stage
    rows: StageRows
    settings: Settings
    load: Load

    @property
    def sides(self) -> int:
        """Rows in memory for each row of the data: of pairs there are the chosen and the rejected answer."""
        return 2 if METHOD_FORMATS[self.stage.method] == (DatasetFormat.PREFERENCE,) else 1

    @property
    def has_reference(self) -> bool:
        """Whether a frozen model looks at each row too."""
        method = self.stage.method
        return method in {Method.DPO, Method.KTO} or (method in REWARDED and self.settings.beta > 0)

    @property
    def row_tokens(self) -> int:
        """Tokens of the longest row, with the answer that the model may write itself."""
        return self.settings.max_length + self.settings.max_new_tokens + self.settings.virtual_tokens

    def peak(self, micro_batch: int | None = None) -> int:
        """Peak memory, with this many rows in memory at once."""
        return self.load.peak((micro_batch or self.settings.micro_batch_size) * self.row_tokens * self.sides)


def evaluation_gpu(spec: FineTuneJobSpec, machine: Machine) -> Gpu | None:
    """The GPU that the evaluation's own node selector names, else that of training."""
    label = _label(spec.compute.evaluate)
    return (find_gpu(label) if label else None) or machine.gpu if machine.gpu else None


def _label(compute: StepCompute | None) -> str:
    return ((compute.node_selector if compute else None) or {}).get(PRODUCT_LABEL, "")


def machine_of(spec: FineTuneJobSpec, pricing: Pricing | None) -> Machine:
    """The GPU that the node selector names, else the operator, else an H100 for the sake of an example."""
    if spec.compute.gpus_per_node == 0:
        resources = spec.compute.trainer.resources if spec.compute.trainer else None
        limit = (resources.limits or {}).get("memory") if resources else None
        return Machine(
            None, limit is not None, quantity_bytes(limit) if limit else None, "spec.compute.gpusPerNode is 0"
        )
    label = _label(spec.compute.trainer)
    chosen = find_gpu(label) if label else None
    usual = find_gpu(pricing.gpu) if pricing and pricing.gpu else None
    if chosen is not None:
        gpu, reason = chosen, f"spec.compute.trainer.nodeSelector asks for {label}"
    elif usual is not None:
        gpu, reason = usual, "it was named for this estimate"
    else:
        unknown = f"the label {label} is in no table" if label else "nobody has named the GPU"
        gpu, reason = DEFAULT_GPU, f"{unknown}, so this is an example"
    priced = pricing if pricing and pricing.gpu_hour and usual in (None, gpu) else None
    return Machine(
        gpu,
        chosen is not None or usual is not None,
        gpu.memory_bytes,
        reason,
        priced.gpu_hour if priced else None,
        (priced.currency or "") if priced else "",
    )
