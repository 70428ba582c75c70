"""What the pods of a run ask of the cluster."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from tunewright_api.base import ApiModel, DnsLabel, FreeForm, Integer, ShortText, cel, matching

Quantity = Annotated[
    str,
    Field(max_length=32),
    *matching(
        r"[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?",
        "must be a quantity such as 500m, 4 or 16Gi, without a space",
    ),
]
_FACTORS = {
    **{unit: 1000**power for power, unit in enumerate(("", "k", "M", "G", "T", "P", "E"))},
    **{f"{unit}i": 1024**power for power, unit in enumerate("KMGTPE", 1)},
}


def quantity_bytes(quantity: str) -> int:
    """The bytes that a quantity such as 16Gi stands for."""
    digits = quantity.rstrip("kKMGTPEim")
    unit = quantity[len(digits) :]
    return int(float(digits) / 1000) if unit == "m" else int(float(digits) * _FACTORS[unit])


Quantities = Annotated[dict[ShortText, Quantity], Field(max_length=16)]


class Resources(ApiModel):
    """Requests and limits of a container, as in a pod."""

    requests: Quantities | None = None
    """What the pod is scheduled for, say {cpu: "4", memory: 16Gi}."""
    limits: Quantities | None = None
    """What the pod may use at most."""


class StepCompute(ApiModel):
    """Room and place of one step's pod."""

    resources: Resources | None = None
    """CPU and memory. GPUs are asked for by `gpusPerNode`."""
    node_selector: Annotated[dict[ShortText, ShortText], Field(max_length=32)] | None = None
    """Labels that the node must have."""
    tolerations: Annotated[list[FreeForm], Field(max_length=32)] | None = None
    """Taints of nodes that the pod may run on, as in a pod."""


class EnvironmentVariable(ApiModel):
    """A plain variable for the pods. Never put a secret here."""

    model_config = {
        "json_schema_extra": cel(
            (
                "self.name != 'HOME' && !self.name.startsWith('TUNEWRIGHT_')",
                "HOME and names that begin with TUNEWRIGHT_ are set by the operator: choose another name",
            )
        )
    }

    name: Annotated[
        str,
        Field(max_length=253),
        *matching(r"[A-Za-z_][A-Za-z0-9_]*", "must be letters, digits and underscores, as a variable of a shell is"),
    ]
    """Name of the variable."""
    value: Annotated[str, Field(max_length=4096)]
    """Its value, in plain sight of everybody who may read the job."""

    @model_validator(mode="after")
    def _name_is_free(self) -> Self:
        if self.name == "HOME" or self.name.startswith("TUNEWRIGHT_"):
            raise ValueError("HOME and names that begin with TUNEWRIGHT_ are set by the operator: choose another name")
        return self


class Compute(ApiModel):
    """What the pods of a run ask of the cluster."""

    gpus_per_node: Annotated[Integer, Field(ge=0, le=1)] | None = None
    """GPUs for each training and evaluation pod; 0 trains on the CPU. Default: 1."""
    gpu_resource: ShortText | None = None
    """Resource name of a GPU. Default: nvidia.com/gpu."""
    service_account_name: DnsLabel | None = None
    """Service account of the pods, for cloud identity. Its token is not mounted. Default: default."""
    queue_name: DnsLabel | None = None
    """Kueue LocalQueue that the pods wait in."""
    priority_class_name: ShortText | None = None
    """Priority of the pods."""
    scratch_size: Quantity | None = None
    """Limit of each pod's scratch volume. Default: 50Gi."""
    env: (
        Annotated[
            list[EnvironmentVariable],
            Field(
                max_length=64,
                json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
            ),
        ]
        | None
    ) = None
    """Variables for all pods of the run."""
    trainer: StepCompute | None = None
    """The pods that train."""
    prepare: StepCompute | None = None
    """The pod that reads and checks the data."""
    package: StepCompute | None = None
    """The pods that package and publish."""
    evaluate: StepCompute | None = None
    """The pod that evaluates."""
