"""The kinds of the API as whole objects, and how `kubectl get` shows them."""

from dataclasses import dataclass, field

from pydantic import BaseModel

from tunewright_api.adapter_monitor import AdapterMonitorSpec, AdapterMonitorStatus
from tunewright_api.spec import MUTABLE_FIELDS, RESUME_OF_NO_STAGE, FineTuneJobSpec
from tunewright_api.status import FineTuneJobStatus


@dataclass(frozen=True)
class Column:
    """A column of `kubectl get`; priority 1 shows it only with -o wide."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0


@dataclass(frozen=True)
class Kind:
    """One kind: names, schema, rules on the whole object."""

    kind: str
    plural: str
    short_name: str
    description: str
    spec: type[BaseModel]
    status: type[BaseModel]
    columns: tuple[Column, ...]
    root_rules: tuple[tuple[str, str], ...] = ()
    spec_rules: tuple[tuple[str, str], ...] = ()
    selectable_fields: tuple[str, ...] = ()
    categories: tuple[str, ...] = field(default=("finetuning",))


NAME_RULE = (
    "self.metadata.name.size() <= 30 && self.metadata.name.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')",
    "metadata.name must be at most 30 characters: lower-case letters, digits and dashes, beginning with a letter (names of Jobs and pods are made from it)",
)


def immutability_rules() -> tuple[tuple[str, str], ...]:
    """One rule a field, on the spec as a whole: rules on the fields themselves are bypassed by removing an optional block and adding another."""
    fixed = [
        (info.alias or name, info.is_required())
        for name, info in FineTuneJobSpec.model_fields.items()
        if (info.alias or name) not in MUTABLE_FIELDS
    ]
    free = f"{', '.join(MUTABLE_FIELDS[:-1])} and {MUTABLE_FIELDS[-1]}"
    message = f"spec.{{}} cannot be changed after creation: create a new FineTuneJob, or delete this one first (only {free} may change)"
    return tuple(
        (
            f"self.{name} == oldSelf.{name}"
            if required
            else f"has(self.{name}) == has(oldSelf.{name}) && (!has(self.{name}) || self.{name} == oldSelf.{name})",
            message.format(name),
        )
        for name, required in fixed
    )


FINE_TUNE_JOB = Kind(
    kind="FineTuneJob",
    plural="finetunejobs",
    short_name="ftj",
    description="Fine-tunes a language model: checks the data, trains, compares with the base model and publishes an adapter to object storage.",
    spec=FineTuneJobSpec,
    status=FineTuneJobStatus,
    columns=(
        Column("Phase", ".status.phase"),
        Column("Step", ".status.step"),
        Column("Progress", ".status.progress.summary"),
        Column("Loss", ".status.progress.loss", "number"),
        Column("Model", ".spec.model.id"),
        Column("Adapter", ".status.adapter.uri", priority=1),
        Column("Queue", ".spec.compute.queueName", priority=1),
        Column("Age", ".metadata.creationTimestamp", "date"),
    ),
    root_rules=(NAME_RULE,),
    spec_rules=(
        *immutability_rules(),
        (
            "!(has(oldSelf.cancel) && oldSelf.cancel) || (has(self.cancel) && self.cancel) || (has(self.runAttempt) && self.runAttempt > (has(oldSelf.runAttempt) ? oldSelf.runAttempt : 1))",
            "spec.cancel cannot be taken back: raise spec.runAttempt in the same change to run again",
        ),
        (
            "(has(self.runAttempt) ? self.runAttempt : 1) >= (has(oldSelf.runAttempt) ? oldSelf.runAttempt : 1)",
            "spec.runAttempt can only be raised",
        ),
        (
            "has(self.resumeFrom) == has(oldSelf.resumeFrom) && (!has(self.resumeFrom) || self.resumeFrom == oldSelf.resumeFrom) || (has(self.runAttempt) ? self.runAttempt : 1) > (has(oldSelf.runAttempt) ? oldSelf.runAttempt : 1)",
            "spec.resumeFrom says where a new run begins: raise spec.runAttempt in the same change",
        ),
        (
            "!has(self.resumeFrom) || !self.resumeFrom.contains('/train-') || self.stages.exists(stage, self.resumeFrom.contains('/train-' + stage.name + '/'))",
            f"spec.resumeFrom {RESUME_OF_NO_STAGE}",
        ),
    ),
    selectable_fields=(".status.phase", ".spec.model.id"),
)

ADAPTER_MONITOR = Kind(
    kind="AdapterMonitor",
    plural="adaptermonitors",
    short_name="amon",
    description="Watches a published adapter where it is served: latency against the base model, and drift of real traffic.",
    spec=AdapterMonitorSpec,
    status=AdapterMonitorStatus,
    columns=(
        Column("Reachable", '.status.conditions[?(@.type=="Reachable")].status'),
        Column("Drift", '.status.conditions[?(@.type=="DriftDetected")].status'),
        Column("Endpoint", ".spec.endpoint.url", priority=1),
        Column("Adapter", ".spec.adapterUri", priority=1),
        Column("Age", ".metadata.creationTimestamp", "date"),
    ),
    root_rules=(NAME_RULE,),
)

KINDS = (FINE_TUNE_JOB, ADAPTER_MONITOR)
