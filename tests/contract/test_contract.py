"""What operator, pods and users have agreed on: it survives the way from one to the other, and its words are well chosen."""

import importlib
import json
import pkgutil
import re
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import tunewright_api
from builders import DIGEST, STEPS, spec
from tunewright_api import names
from tunewright_api.adapter_monitor import AdapterMonitorSpec, MonitorConfig
from tunewright_api.conditions import Reason
from tunewright_api.data import DEFAULT_ACTIONS, CheckName
from tunewright_api.failures import FAIL_JOB_EXIT_CODES, FAILURES, PREEMPTED_EXIT_CODE, FailureClass, exit_code
from tunewright_api.run import RunConfig, RunResult, StepInput, termination_message
from tunewright_api.spec import FineTuneJobSpec
from tunewright_api.status import DatasetFinding, DatasetStatus, Failure, ResolvedStage, ResolvedValue
from tunewright_cli.manifests import read_job

ROOT = Path(__file__).parents[2]
YAML_1_1_BOOLEANS = {"y", "n", "yes", "no", "on", "off", "true", "false"}


def enums() -> list[type[StrEnum]]:
    modules = [
        importlib.import_module(f"tunewright_api.{found.name}")
        for found in pkgutil.iter_modules(tunewright_api.__path__)
    ]
    found = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, StrEnum) and value is not StrEnum
    }
    return sorted(found, key=lambda enum: enum.__name__)


@pytest.mark.parametrize("enum", enums(), ids=lambda enum: enum.__name__)
def test_no_enum_has_a_word_that_yaml_reads_as_something_else(enum: type[StrEnum]) -> None:
    for word in enum:
        assert str(word).lower() not in YAML_1_1_BOOLEANS
        assert yaml.safe_load(str(word)) == str(word)
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9]*|[a-z]+(_[a-z]+)*", str(word)), word


def test_failures_have_codes_of_their_own_and_preemption_stands_apart() -> None:
    codes = [policy.exit_code for policy in FAILURES.values() if policy.exit_code is not None]
    assert len(set(codes)) == len(codes)
    assert set(codes) <= set(FAIL_JOB_EXIT_CODES) == set(range(64, 80))
    assert exit_code(FailureClass.PREEMPTED) == PREEMPTED_EXIT_CODE == 143
    assert set(FAILURES) == set(FailureClass)


@pytest.mark.parametrize("failure", FailureClass)
def test_every_failure_class_has_a_hint_that_says_what_to_do(failure: FailureClass) -> None:
    hint = FAILURES[failure].hint
    assert len(hint.split()) >= 5
    assert hint.endswith(".")
    assert "Traceback" not in hint


def test_reasons_are_words_that_kubernetes_takes() -> None:
    for reason in (*Reason, *FailureClass):
        assert re.fullmatch(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?", reason)


def test_what_a_pod_is_told_arrives_as_it_was_sent() -> None:
    parsed = FineTuneJobSpec.model_validate(
        {
            **spec(),
            "stages": [{**spec()["stages"][0], "trainingArguments": {"lr_scheduler_kwargs": {"num_cycles": 0.5}}}],
            "limits": {"retries": {"Preempted": 7}, "runDeadline": "1h30m"},
        }
    )
    inputs = {"prepare": StepInput(manifest_uri="s3://o/prepare/manifest.json", digest=DIGEST)}
    config = RunConfig(
        namespace="a",
        name="b",
        uid="c",
        run_id="r1-c",
        step="train-sft",
        attempt=3,
        inputs=inputs,
        image="i:1",
        spec=parsed,
    )
    assert RunConfig.model_validate_json(config.model_dump_json(by_alias=True, exclude_none=True)) == config
    assert config.run_uri == f"{parsed.output.uri}/a/b/r1-c"


def test_what_a_monitor_is_told_arrives_as_it_was_sent() -> None:
    body = {
        "adapterUri": "s3://a/b",
        "endpoint": {"url": "http://v/v1", "adapterModel": "m"},
        "drift": {"trafficUri": "s3://t"},
    }
    config = MonitorConfig(namespace="a", name="b", spec=AdapterMonitorSpec.model_validate(body))
    assert MonitorConfig.model_validate_json(config.model_dump_json(by_alias=True, exclude_none=True)) == config


def test_a_result_of_a_newer_trainer_is_understood() -> None:
    text = json.dumps({"step": "prepare", "attempt": 1, "digest": DIGEST, "manifestURI": "s3://o/m", "later": {"a": 1}})
    assert RunResult.model_validate_json(text).digest == DIGEST


def at_most(characters: int) -> st.SearchStrategy[str]:
    """Texts of all lengths, of letters, control characters (six bytes of JSON each) and emoji (four)."""
    drawn = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)
    return st.builds(lambda text, times: (text * times)[:characters], drawn, st.integers(1, characters // 10))


findings = st.builds(
    DatasetFinding,
    check=st.sampled_from([str(check) for check in CheckName]),
    verdict=st.sampled_from(["Failed", "Warned", "Fixed"]),
    rows=st.integers(0, 10**9),
    message=at_most(253),
)
datasets = st.builds(
    DatasetStatus,
    rows=st.integers(0, 10**9),
    message=at_most(1024),
    fit=at_most(253),
    findings=st.lists(findings, max_size=12),
    report_uri=st.just("s3://out/prepare/a1-12345678/report.json"),
)
hyperparameters = st.lists(
    st.builds(ResolvedValue, name=at_most(253), value=at_most(253), reason=at_most(1000)), max_size=32
)
failures = st.builds(
    Failure,
    failure_class=st.just(FailureClass.INVALID_DATA),
    message=at_most(4096),
    hint=at_most(1000),
    step=st.just("prepare"),
    attempt=st.just(1),
)


@settings(max_examples=200, deadline=None)
@given(failure=st.none() | failures, dataset=st.none() | datasets, values=hyperparameters, figures=st.integers(0, 64))
def test_a_termination_message_fits_whatever_it_says(
    failure: Failure | None, dataset: DatasetStatus | None, values: list[ResolvedValue], figures: int
) -> None:
    """The kubelet cuts at 4096 bytes, in the middle of a character if need be: then nothing could be read."""
    result = RunResult(
        step="prepare",
        attempt=2,
        manifest_uri="s3://out/prepare/manifest.json",
        digest=DIGEST,
        figures={f"sft.figure{number}": 1.5 for number in range(figures)},
        resolved=ResolvedStage(name="sft", method="SFT QLoRA", hyperparameters=values),
        dataset=dataset,
        failure=failure,
    )
    text = termination_message(result)
    assert len(text.encode()) <= names.TERMINATION_MESSAGE_BYTES
    read = RunResult.model_validate_json(text)
    assert (read.step, read.attempt, read.digest, read.manifest_uri) == ("prepare", 2, DIGEST, result.manifest_uri)
    if failure is not None:
        assert read.failure is not None
        assert read.failure.failure_class is FailureClass.INVALID_DATA
        assert failure.message.startswith(read.failure.message.removesuffix("..."))
    if dataset is not None:
        assert read.dataset is not None
        assert (read.dataset.rows, read.dataset.report_uri) == (dataset.rows, dataset.report_uri)
        assert read.dataset.findings == dataset.findings[: len(read.dataset.findings)], "the gravest are kept"
        assert dataset.message.startswith(read.dataset.message.removesuffix("..."))


ROOMY = DatasetStatus(rows=1, message="One row.", findings=[DatasetFinding(check="secrets", verdict="Failed", rows=1, message="A key was found.")])  # fmt: skip
LONG = "x" * 4000


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        pytest.param({}, {"resolved", "figures", "findings"}, id="what is short is told in full"),
        pytest.param({"resolved": ResolvedStage(name=LONG[:250], method="SFT", hyperparameters=[ResolvedValue(name="a", value="1", reason=LONG[:1000])] * 4)}, {"figures", "findings"}, id="reasons go first"),
        pytest.param({"figures": {f"{number}{LONG[:100]}": 1.0 for number in range(40)}}, {"findings"}, id="then figures, and the findings stay"),
        pytest.param({"failure": Failure(failure_class=FailureClass.INVALID_DATA, message=LONG)}, set(), id="then findings, before a failure's sentence is cut"),
    ],
)  # fmt: skip
def test_what_can_be_had_again_is_left_out_first(changes: dict[str, Any], kept: set[str]) -> None:
    resolved = ResolvedStage(name="sft", method="SFT")
    result = RunResult(step="prepare", attempt=1, figures={"a": 1.0}, resolved=resolved, dataset=ROOMY)
    read = RunResult.model_validate_json(termination_message(result.model_copy(update=changes)))
    assert read.dataset is not None
    told = {"resolved": read.resolved, "figures": read.figures, "findings": read.dataset.findings}
    assert {name for name, value in told.items() if value} == kept
    assert read.dataset.message == "One row."


def test_the_longest_legal_names_are_legal_for_kubernetes() -> None:
    name = names.child_name("n" * 30, "0a1b2c3d-1111-2222-3333-444444444444", names.train_step("s" * 12), 999)
    assert len(name) <= 63
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name)


EXAMPLES = sorted(path for path in (ROOT / "examples").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_valid_and_arrives_as_it_was_written(path: Path) -> None:
    for document in yaml.safe_load_all(path.read_text()):
        model: Any = AdapterMonitorSpec if document["kind"] == "AdapterMonitor" else FineTuneJobSpec
        parsed = model.model_validate(document["spec"])
        assert model.model_validate(parsed.to_wire()) == parsed
        assert len(document["metadata"]["name"]) <= 30


def test_the_readmes_manifest_is_valid(tmp_path: Path) -> None:
    (manifest,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    path = tmp_path / "job.yaml"
    path.write_text(manifest)
    assert read_job(path).spec().steps() == tuple(step for step in STEPS if step != "train-dpo")


def test_the_example_of_the_data_gate_names_every_check_with_its_default() -> None:
    document = yaml.safe_load((ROOT / "examples" / "data-gate.yaml").read_text())
    checks = document["spec"]["data"]["checks"]
    assert checks == {str(check): str(action) for check, action in DEFAULT_ACTIONS.items()}
