"""What becomes of a step's result in status, and what is told of it."""

from typing import Any

import pytest

from builders import DIGEST, SETTINGS, after, child, failed, job, observed, pod
from tunewright_api.conditions import Condition, find
from tunewright_api.failures import FailureClass
from tunewright_api.pricing import Pricing
from tunewright_api.run import RunConfig, RunResult, termination_message
from tunewright_api.status import DatasetFinding, DatasetStatus, Failure, FineTuneJobStatus
from tunewright_operator.core.plan import plan
from tunewright_operator.core.results import fold_leftovers
from tunewright_operator.core.types import CreateJob, FineTuneJob, Observed, Plan, Settings

DATASET = DatasetStatus(
    rows=427,
    train=340,
    validation=44,
    test=43,
    tokens=64_200,
    message="427 rows to train on. 12 rows stand more than once.",
    findings=[DatasetFinding(check="duplicates", verdict="Warned", rows=12, message="12 rows stand more than once.")],
    fit="Fits one H100: 17.1 GiB of 79.6 GiB, 66 steps.",
    report_uri="s3://out/report.json",
)
REFUSED = DATASET.model_copy(update={"message": "3 of 430 rows cannot be used: a.jsonl:7: no JSON", "fit": ""})


def decide(current: FineTuneJob, seen: Observed, settings: Settings = SETTINGS) -> tuple[FineTuneJob, Plan]:
    decision = plan(current, seen, settings)
    return after(current, decision), decision


def preparing() -> FineTuneJob:
    """The Job of the prepare step runs."""
    current, _ = decide(job(), observed())
    return decide(current, observed(child()))[0]


def prepared(status: FineTuneJobStatus) -> Condition:
    found = find(status.conditions, "Prepared")
    assert found is not None
    return found


def ended(**changes: Any) -> str:
    return termination_message(RunResult(step="prepare", attempt=1, **changes))


def test_the_condition_says_what_the_data_gate_has_found_and_what_the_run_will_need() -> None:
    told = ended(manifest_uri="s3://out/prepare/manifest.json", digest=DIGEST, dataset=DATASET)
    done = pod(phase="Succeeded", exit_code=0, termination_message=told)
    current, _ = decide(preparing(), observed(child(complete=True, active=0), pods=(done,)))
    condition = prepared(current.status)
    assert (condition.status, condition.reason) == ("True", "StepSucceeded")
    assert condition.message == f"{DATASET.message} {DATASET.fit}"
    assert current.status.dataset == DATASET


def test_without_a_dataset_the_condition_says_that_the_step_has_ended() -> None:
    told = ended(manifest_uri="s3://out/prepare/manifest.json", digest=DIGEST)
    done = pod(phase="Succeeded", exit_code=0, termination_message=told)
    current, _ = decide(preparing(), observed(child(complete=True, active=0), pods=(done,)))
    assert prepared(current.status).message == "Step prepare succeeded."


def test_refused_rows_are_told_in_status_and_condition() -> None:
    failure = Failure(failure_class=FailureClass.INVALID_DATA, message=REFUSED.message, hint="Correct the rows.")
    seen = failed("prepare", exit_code=65, termination_message=ended(failure=failure, dataset=REFUSED))
    current, _ = decide(preparing(), seen)
    condition = prepared(current.status)
    assert (condition.status, condition.reason, condition.message) == ("False", "InvalidData", REFUSED.message)
    assert current.status.dataset == REFUSED


def test_a_failure_without_a_report_is_told_by_its_own_sentence() -> None:
    failure = Failure(failure_class=FailureClass.MODEL_UNAVAILABLE, message="config.json is missing", hint="Upload it.")
    seen = failed("prepare", exit_code=66, termination_message=ended(failure=failure))
    current, _ = decide(preparing(), seen)
    assert (
        prepared(current.status).message
        == "The run failed at 2026-01-31T12:00:00Z in step prepare, attempt 1: config.json is missing. Upload it."
    )


def test_an_attempt_that_found_nothing_out_leaves_what_is_known() -> None:
    status = FineTuneJobStatus(dataset=DATASET, steps=[])
    assert fold_leftovers(status, RunResult(step="train-sft", attempt=1)) == status
    assert fold_leftovers(status, None) == status


@pytest.mark.parametrize(
    "pricing", [None, Pricing(gpu="H100", gpu_hour=2.5, currency="EUR")], ids=["no price", "a price"]
)
def test_a_pod_is_told_the_price_of_its_gpu(pricing: Pricing | None) -> None:
    current, _ = decide(job(), observed())
    settings = Settings(trainer_image="t", monitor_image="m", pricing=pricing)
    (action,) = plan(current, observed(), settings).actions
    assert isinstance(action, CreateJob)
    (container,) = action.manifest["spec"]["template"]["spec"]["containers"]
    told = next(item["value"] for item in container["env"] if item["name"] == "TUNEWRIGHT_RUN_CONFIG")
    assert RunConfig.model_validate_json(told).pricing == pricing
