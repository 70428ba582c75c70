"""The GPUs that an estimate may speak of: memory, bandwidth and speed, each with where the figure comes from."""

import re
from dataclasses import dataclass
from difflib import get_close_matches

MIB = 2**20


@dataclass(frozen=True)
class Gpu:
    """One kind of GPU."""

    name: str
    memory_bytes: int
    """What the driver reports in all."""
    bandwidth: float
    """Bytes a second."""
    flops: float
    """Dense bf16 operations a second, the peak of the data sheet. Figures "with sparsity" are halved."""
    source: str
    also: tuple[str, ...] = ()
    """Beginnings of the label nvidia.com/gpu.product that mean this GPU."""


# Memory: what `nvidia-smi` shows where that is known, else the data sheet's number of decimal gigabytes, which is the lower.
GPUS: tuple[Gpu, ...] = (
    Gpu("RTX-4090", 24_000_000_000, 1.008e12, 165e12, "NVIDIA Ada architecture white paper", ("NVIDIA-GeForce-RTX-4090",)),
    Gpu("A10G", 23_028 * MIB, 0.600e12, 70e12, "NVIDIA A10G data sheet; memory as nvidia-smi shows it", ("NVIDIA-A10G",)),
    Gpu("A10", 23_028 * MIB, 0.600e12, 125e12, "NVIDIA A10 data sheet; memory as nvidia-smi shows it", ("NVIDIA-A10",)),
    Gpu("L4", 23_034 * MIB, 0.300e12, 121e12, "NVIDIA L4 data sheet; memory as nvidia-smi shows it", ("NVIDIA-L4",)),
    Gpu("A100-40GB", 40_960 * MIB, 1.555e12, 312e12, "NVIDIA A100 data sheet; memory as nvidia-smi shows it", ("NVIDIA-A100-SXM4-40GB", "NVIDIA-A100-PCIE-40GB")),
    Gpu("L40S", 46_068 * MIB, 0.864e12, 362e12, "NVIDIA L40S data sheet; memory as nvidia-smi shows it", ("NVIDIA-L40S",)),
    Gpu("H100-PCIe", 81_559 * MIB, 2.0e12, 756e12, "NVIDIA H100 data sheet; memory as nvidia-smi shows it", ("NVIDIA-H100-PCIe",)),
    Gpu("H100", 81_559 * MIB, 3.35e12, 989e12, "NVIDIA H100 data sheet (SXM); memory as nvidia-smi shows it", ("NVIDIA-H100-80GB-HBM3",)),
    Gpu("A100-80GB", 81_920 * MIB, 1.935e12, 312e12, "NVIDIA A100 data sheet (PCIe, the slower); memory as nvidia-smi shows it", ("NVIDIA-A100-SXM4-80GB", "NVIDIA-A100-80GB-PCIe")),
    Gpu("H100-NVL", 94_000_000_000, 3.9e12, 835e12, "NVIDIA H100 data sheet", ("NVIDIA-H100-NVL",)),
    Gpu("H200", 143_771 * MIB, 4.8e12, 989e12, "NVIDIA H200 data sheet; memory as nvidia-smi shows it", ("NVIDIA-H200",)),
    Gpu("B200", 180_000_000_000, 7.7e12, 2250e12, "NVIDIA HGX B200 data sheet", ("NVIDIA-B200",)),
)  # fmt: skip
"""From the smallest to the largest memory."""

BY_NAME = {gpu.name: gpu for gpu in GPUS}
DEFAULT_GPU = BY_NAME["H100"]


def find_gpu(name: str) -> Gpu | None:
    """The GPU that people (H100, h100 sxm, A100-80GB) or the node label nvidia.com/gpu.product call so."""
    folded = _folded(name)
    for gpu in GPUS:
        if folded in {_folded(gpu.name), _folded(gpu.name) + "sxm"}:
            return gpu
    labelled = [(len(start), gpu) for gpu in GPUS for start in gpu.also if _begins(name, start)]
    return max(labelled, key=lambda found: found[0])[1] if labelled else None


def unknown_gpu(name: str) -> str:
    """The sentence about a GPU that is not in the table."""
    near = get_close_matches(name.upper(), list(BY_NAME), n=1, cutoff=0.6)
    advice = f"did you mean {near[0]}?" if near else f"known here: {', '.join(BY_NAME)}"
    return f"the GPU '{name}' is unknown; {advice}"


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower().removeprefix("nvidia"))


def _begins(label: str, start: str) -> bool:
    """NVIDIA-A10 is no beginning of NVIDIA-A100: a name ends where the label goes on with a dash, or ends."""
    rest = label[len(start) :]
    if "-MIG-" in label:
        # A slice of a GPU: neither its memory nor its speed.
        return False
    return label.lower().startswith(start.lower()) and (not rest or rest.startswith("-"))
