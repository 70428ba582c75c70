"""The only place that invents objects for tests: each builder gives a legal object and takes what the test is about."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tunewright_api import names
from tunewright_api.data import ActionOrFix, CheckName
from tunewright_api.data_report import DataReport, Finding, Histogram, SourceObject, StageReport, Verdict
from tunewright_api.fit import FitEstimate, StageFit
from tunewright_api.run import RunResult
from tunewright_api.status import AdapterStatus, Failure
from tunewright_operator.core.parse import parse_job_object, parse_monitor_object
from tunewright_operator.core.types import AdapterMonitor, FineTuneJob, JobView, Observed, Plan, PodView, Settings

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
UID = "0a1b2c3d-0000-4000-8000-000000000001"
DIGEST = "sha256:" + "a" * 64
SETTINGS = Settings(trainer_image="trainer:1", monitor_image="operator:1")
STEPS = ("prepare", "train-sft", "train-dpo", "package", "evaluate", "publish")


def spec(**changes: Any) -> dict[str, Any]:
    """A spec of two stages."""
    return {
        "model": {"uri": "s3://models/m", "id": "org/m"},
        "stages": [
            {"name": "sft", "method": "SFT", "dataset": {"uri": "s3://data/sft.jsonl"}},
            {"name": "dpo", "method": "DPO", "dataset": {"uri": "s3://data/dpo.jsonl"}},
        ],
        "output": {"uri": "s3://out/adapters"},
        "storage": {"endpoint": "http://s3:8333", "secretRef": {"name": "s3"}},
        **changes,
    }


def raw_job(
    status: dict[str, Any] | None = None, generation: int = 1, name: str = "tune", **changes: Any
) -> dict[str, Any]:
    """A FineTuneJob as the API server has it."""
    metadata = {"name": name, "namespace": "team-a", "uid": UID, "generation": generation, "resourceVersion": "10"}
    body = {"apiVersion": names.API_VERSION, "kind": "FineTuneJob", "metadata": metadata, "spec": spec(**changes)}
    return {**body, "status": status} if status is not None else body


def listed(name: str, version: int, namespace: str = "team-a", **labels: str) -> dict[str, Any]:
    """Any object as a list or a watch shows it; its status says which version it is."""
    metadata = {"name": name, "namespace": namespace, "resourceVersion": str(version), "labels": labels}
    return {"metadata": metadata, "spec": {}, "status": {"version": version}}


def job(status: dict[str, Any] | None = None, generation: int = 1, **changes: Any) -> FineTuneJob:
    """A parsed FineTuneJob."""
    return parse_job_object(raw_job(status, generation, **changes))


def monitor(status: dict[str, Any] | None = None, **changes: Any) -> AdapterMonitor:
    """A parsed AdapterMonitor."""
    endpoint = {"url": "http://vllm:8000/v1", "adapterModel": "support"}
    metadata = {"name": "support", "namespace": "team-a", "uid": UID, "generation": 1, "resourceVersion": "10"}
    body = {"metadata": metadata, "spec": {"adapterUri": "s3://adapters/support", "endpoint": endpoint, **changes}}
    return parse_monitor_object({**body, "status": status} if status is not None else body)


def after(job_before: FineTuneJob, plan: Plan, **changes: Any) -> FineTuneJob:
    """The job once the plan's status is stored, with changes of the spec."""
    return (
        job(plan.status.to_wire(), **changes)
        if changes
        else parse_job_object(
            {**raw_job(plan.status.to_wire()), "spec": job_before.spec.to_wire() if job_before.spec else {}}
        )
    )


def child(step: str = "prepare", attempt: int = 1, **changes: Any) -> JobView:
    """The Job of one attempt, as the cluster shows it."""
    name = names.child_name("tune", UID, step, attempt)
    return JobView(**{"name": name, "uid": f"job-{step}-{attempt}", "owner_uid": UID, "active": 1, **changes})


def pod(step: str = "prepare", attempt: int = 1, **changes: Any) -> PodView:
    """The pod of one attempt."""
    defaults = {
        "name": f"pod-{step}-{attempt}",
        "uid": f"pod-{step}-{attempt}",
        "job_uid": f"job-{step}-{attempt}",
        "phase": "Running",
        "node": "node-1",
    }
    return PodView(**{**defaults, "created": NOW, **changes})


def result(step: str = "prepare", attempt: int = 1, failure: Failure | None = None) -> str:
    """A termination message."""
    adapter = None
    if step == names.PUBLISH:
        adapter = AdapterStatus(
            uri="s3://out/a", manifest_uri="s3://out/a/manifest.json", digest=DIGEST, base_model="org/m", rank=16
        )
    success = (
        {} if failure else {"manifest_uri": f"s3://out/{step}/manifest.json", "digest": DIGEST, "adapter": adapter}
    )
    figures = {"lastLoss": 2.5} if step.startswith(names.TRAIN_PREFIX) and not failure else {}
    return RunResult(step=step, attempt=attempt, failure=failure, figures=figures, **success).model_dump_json(
        by_alias=True, exclude_none=True
    )


def observed(*jobs: JobView, pods: tuple[PodView, ...] = (), seconds: float = 0, **changes: Any) -> Observed:
    """What is seen, so many seconds after NOW."""
    return Observed(now=NOW + timedelta(seconds=seconds), jobs=jobs, pods=pods, **changes)


def succeeded(step: str, attempt: int = 1, seconds: float = 0) -> Observed:
    """The attempt has succeeded and its pod says so."""
    ended = pod(step, attempt, phase="Succeeded", exit_code=0, termination_message=result(step, attempt))
    return observed(child(step, attempt, complete=True, active=0), pods=(ended,), seconds=seconds)


def failed(step: str, attempt: int = 1, seconds: float = 0, **pod_changes: Any) -> Observed:
    """The attempt has failed, with what its pod shows."""
    ended = pod(step, attempt, **{"phase": "Failed", **pod_changes})
    return observed(
        child(step, attempt, failed=True, active=0, failure_reason="PodFailurePolicy"), pods=(ended,), seconds=seconds
    )


def finding(check: CheckName = CheckName.DUPLICATES, verdict: Verdict = Verdict.WARNED, **changes: Any) -> Finding:
    """What one check has found."""
    defaults: dict[str, Any] = {
        "action": ActionOrFix.WARN,
        "message": "12 of 400 rows stand more than once.",
        "rows": 12,
    }
    return Finding(**{"check": check, "verdict": verdict, **defaults, **changes})


def histogram(name: str = "Tokens", unit: str = "tokens") -> Histogram:
    """Lengths as rows have them: many short ones, a long tail, and the longest percent in the last bin."""
    counts = [3, 18, 41, 60, 72, 64, 51, 38, 27, 19, 12, 8, 5, 3, 2, 4]
    edges = [*(float(20 + 32 * index) for index in range(len(counts))), 2049.0]
    return Histogram(
        name=name, unit=unit, edges=edges, counts=counts,
        quantiles={"min": 20, "p50": 160, "p90": 340, "p99": 500, "max": 2048},
    )  # fmt: skip


def stage_report(name: str = "sft", **changes: Any) -> StageReport:
    """The rows of one stage."""
    defaults: dict[str, Any] = {
        "method": "SFT", "format": "Messages", "format_reason": "the first 50 rows have messages with role and content",
        "rows": 427, "train": 340, "validation": 44, "test": 43, "tokens": 64_200,
        "histograms": [histogram(), histogram("Prompt", "characters"), histogram("Answer", "characters")],
        "categories": {"billing": 210, "delivery": 140, "returns": 60, "other": 17},
    }  # fmt: skip
    return StageReport(**{"name": name, **defaults, **changes})


def fit_estimate(**changes: Any) -> FitEstimate:
    """An 8B QLoRA on one H100."""
    stage = StageFit(
        name="sft", method="SFT QLoRA", tokens_per_epoch=64_200, steps=66, batch_size=16, micro_batch_size=8, max_length=2048,
        memory_bytes=18_400_000_000, least_memory_bytes=7_900_000_000, seconds=412.0,
    )  # fmt: skip
    defaults: dict[str, Any] = {
        "gpu": "H100", "gpu_named": True, "memory_bytes": 85_520_809_984, "fits": True, "stages": [stage], "gpu_hours": 0.1144,
        "parameters": 8_030_261_248, "trained_parameters": 41_943_040, "cost": 0.29, "currency": "EUR",
        "assumptions": ["One H100 with 79.6 GiB: it was named for this estimate.", "An hour of it costs 2.5 EUR."],
    }  # fmt: skip
    return FitEstimate(**{**defaults, **changes})


def data_report(**changes: Any) -> DataReport:
    """A report of data that passed with warnings."""
    source = SourceObject(
        stage="sft", uri="s3://data/sft.jsonl", etag="9b2cf5", size=412_000, sha256="b" * 64, rows=430, refused=3
    )
    defaults: dict[str, Any] = {
        "message": "427 rows to train on. 12 of 400 rows stand more than once.", "passed": True, "model_type": "llama",
        "digest": DIGEST, "objects": [source], "stages": [stage_report()], "fit": fit_estimate(),
        "findings": [finding(), finding(CheckName.SECRETS, Verdict.PASSED, rows=0, message="No secret was found.")],
    }  # fmt: skip
    return DataReport(**{**defaults, **changes})
