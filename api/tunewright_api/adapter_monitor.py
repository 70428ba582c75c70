"""AdapterMonitor: watches a published adapter where it is served. Never owned by its FineTuneJob, or it would die with it."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from tunewright_api.base import (
    ApiModel,
    Integer,
    LongText,
    Number,
    ObservedModel,
    ShortText,
    Text,
    Timestamp,
    Uri,
    cel,
    matching,
)
from tunewright_api.compute import Resources
from tunewright_api.conditions import Condition
from tunewright_api.sketch import Signal
from tunewright_api.storage import SecretReference, Storage


class Endpoint(ApiModel):
    """An OpenAI-compatible server with streaming chat completions."""

    url: Annotated[
        str,
        Field(max_length=512),
        *matching(r"https?://[^ ]+", "must be the base URL of the API, such as http://vllm.models:8000/v1"),
    ]
    """Base URL of the API, such as http://vllm.models:8000/v1; /chat/completions is appended."""
    adapter_model: ShortText
    """Name under which the server offers the adapter."""
    base_model: ShortText | None = None
    """Name under which it offers the base model: the control that tells a slow adapter from a slow server."""


class Probe(ApiModel):
    """Fixed prompts, sent again and again."""

    interval_seconds: Annotated[Integer, Field(ge=5, le=86400)] = 60
    """Pause between rounds. Default: 60."""
    timeout_seconds: Annotated[Integer, Field(ge=1, le=600)] = 30
    """Longest wait for one answer. Default: 30."""
    max_tokens: Annotated[Integer, Field(ge=1, le=1024)] = 32
    """Longest answer. Default: 32."""
    prompts: Annotated[list[LongText], Field(min_length=1, max_length=32)] = [
        "Say hello.",
        "What is two plus two?",
        "Name a colour.",
    ]
    """The prompts. Default: three short ones."""


class Drift(ApiModel):
    """Traffic compared with the reference that the evaluation published. An alarm needs both: a large effect and significance."""

    model_config = {
        "json_schema_extra": cel(
            (
                "(has(self.windowSamples) ? self.windowSamples : 1000) >= (has(self.minimumSamples) ? self.minimumSamples : 500)",
                "windowSamples (default 1000) must not be smaller than minimumSamples (default 500): raise the first or lower the second",
            )
        )
    }

    traffic_uri: Uri
    """Prefix of JSONL objects with {prompt, response} rows; the newest by name are read: s3://traffic/support/."""
    interval_seconds: Annotated[Integer, Field(ge=5, le=86400)] = 300
    """Pause between comparisons. Default: 300."""
    window_samples: Annotated[Integer, Field(ge=50, le=100_000)] = 1000
    """Newest samples that are compared. Default: 1000."""
    minimum_samples: Annotated[Integer, Field(ge=50, le=100_000)] = 500
    """With fewer the answer is InsufficientData: PSI says nothing at small numbers. Default: 500."""
    psi_threshold: Annotated[Number, Field(gt=0, le=10)] = 0.2
    """Effect that counts as drift; raised by itself where so few samples would reach it by chance. Default: 0.2."""
    alpha: Annotated[Number, Field(gt=0, lt=0.5)] = 0.01
    """Level of the Kolmogorov-Smirnov test, Holm-corrected over signals. Default: 0.01."""

    @model_validator(mode="after")
    def _window_holds_the_minimum(self) -> Self:
        if self.window_samples < self.minimum_samples:
            raise ValueError(
                "windowSamples (default 1000) must not be smaller than minimumSamples (default 500): raise the first or lower the second"
            )
        return self


class AdapterMonitorSpec(ApiModel):
    """What to watch and how. May be changed at any time."""

    adapter_uri: Uri
    """Folder of the published adapter: status.adapter.uri of its FineTuneJob."""
    endpoint: Endpoint
    """The server that serves it."""
    probe: Probe = Probe()
    """Latency and reachability."""
    drift: Drift | None = None
    """Comparison of real traffic with the reference. Default: off."""
    storage: Storage = Storage()
    """Object storage for adapter and traffic."""
    image: Text | None = None
    """Default: the operator's own image."""
    image_pull_secrets: Annotated[list[SecretReference], Field(max_length=8)] | None = None
    """Secrets to pull the image with."""
    resources: Resources | None = None
    """CPU and memory of the monitor. Default: requests of 50m and 128Mi, a limit of 256Mi."""


class DriftResult(ObservedModel):
    """One signal's newest comparison."""

    signal: Signal
    psi: float
    """Population stability index over the reference's deciles."""
    threshold: float
    """The PSI that counts as drift at this number of samples."""
    p_value: float
    """Of the two-sample Kolmogorov-Smirnov test, Holm-corrected."""
    samples: int
    drifted: bool


class LatencyResult(ObservedModel):
    """Medians of the newest round, in seconds."""

    model: ShortText
    """adapter or base."""
    time_to_first_token: float | None = None
    between_tokens: float | None = None
    end_to_end: float | None = None
    errors: int = 0


class MonitorReport(ObservedModel):
    """What a monitor pod serves at /report, for the operator."""

    latency: Annotated[list[LatencyResult], Field(max_length=2)] = []
    drift: Annotated[list[DriftResult], Field(max_length=8)] = []
    reachable: bool | None = None
    """None before the first round."""
    reachable_message: Text = ""
    drift_detected: bool | None = None
    """None while it cannot be told."""
    drift_message: Text = ""
    evaluated_at: Timestamp | None = None


class MonitorConfig(ApiModel):
    """All that a monitor pod needs to know. Handed over as JSON in the variable TUNEWRIGHT_MONITOR_CONFIG."""

    namespace: ShortText
    name: ShortText
    spec: AdapterMonitorSpec


class AdapterMonitorStatus(ObservedModel):
    """What was last seen."""

    observed_generation: int = -1
    conditions: Annotated[
        list[Condition],
        Field(
            max_length=16, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
        ),
    ] = []
    latency: Annotated[list[LatencyResult], Field(max_length=2)] = []
    drift: Annotated[list[DriftResult], Field(max_length=8)] = []
    evaluated_at: Timestamp | None = None
