"""What a GPU costs on this cluster, as the platform team has set it: estimates speak of money only then."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from tunewright_api.base import ApiModel, matching
from tunewright_api.gpus import find_gpu, unknown_gpu


def _known(name: str) -> str:
    if find_gpu(name) is None:
        raise ValueError(unknown_gpu(name))
    return name


class Pricing(ApiModel):
    """The GPU that runs get here, and what an hour of it costs."""

    gpu: Annotated[str, Field(max_length=63), AfterValidator(_known)] | None = None
    """Name of the GPU, as in the estimate's table: H100, A100-80GB, L40S."""
    gpu_hour: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    """Price of one GPU for one hour, in `currency`."""
    currency: (
        Annotated[str, Field(max_length=3), *matching(r"[A-Z]{3}", "must be a currency's code, such as EUR")] | None
    ) = None

    @model_validator(mode="after")
    def _a_price_has_a_currency(self) -> Self:
        if (self.gpu_hour is None) != (self.currency is None):
            raise ValueError("gpuHour and currency go together: set both, or neither")
        return self
