"""Rules that the schema cannot express, or that hold on both sides: what a user is told."""

from typing import Any

import pytest
from pydantic import ValidationError

from builders import spec
from tunewright_api.adapter_monitor import Drift
from tunewright_api.sentences import sentences
from tunewright_api.spec import FineTuneJobSpec
from tunewright_api.training_arguments import denied


def faults(**changes: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        FineTuneJobSpec.model_validate(spec(**changes))
    return sentences(FineTuneJobSpec, caught.value)


@pytest.mark.parametrize("name", ["HOME", "TUNEWRIGHT_SCRATCH", "TUNEWRIGHT_PORT"])
def test_a_variable_that_the_operator_sets_is_refused_and_not_dropped(name: str) -> None:
    assert faults(compute={"env": [{"name": name, "value": "x"}]}) == [
        "spec.compute.env[0]: HOME and names that begin with TUNEWRIGHT_ are set by the operator: choose another name"
    ]


def test_a_spec_that_no_process_could_be_told_is_refused() -> None:
    (sentence,) = faults(compute={"env": [{"name": f"A{number}", "value": "x" * 4096} for number in range(30)]})
    assert sentence.startswith("spec: is 12")
    assert sentence.endswith(
        "bytes long as JSON, and pods can be told 100000: shorten compute.env or trainingArguments"
    )


DENIED = [
    pytest.param({"trust_remote_code": True}, ["trainingArguments.trust_remote_code"], id="at the top"),
    pytest.param({"a": {"b": {"trust_remote_code": True}}}, ["trainingArguments.a.b.trust_remote_code"], id="within objects"),
    pytest.param({"a": [1, [{"trust_remote_code": True}]]}, ["trainingArguments.a[1][0].trust_remote_code"], id="within lists"),
    pytest.param({"ignore_data_skip": True, "optim": "adamw_torch"}, ["trainingArguments.ignore_data_skip"], id="what breaks a resume"),
    pytest.param({"eos_token": "x"}, ["trainingArguments.eos_token"], id="what would not be published"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "named"), DENIED)
def test_a_setting_that_may_not_be_passed_is_named_at_any_depth(arguments: dict[str, Any], named: list[str]) -> None:
    assert [sentence.partition(" cannot be set: ")[0] for sentence in denied(arguments)] == named


def test_a_window_below_the_minimum_is_refused() -> None:
    with pytest.raises(ValidationError, match="raise the first or lower the second"):
        Drift(traffic_uri="s3://traffic", window_samples=100)
