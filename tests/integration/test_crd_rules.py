"""What the API server itself refuses, in the very words that a user of kubectl reads; what may change later, and what kubectl shows."""

import copy
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import devcluster
from builders import spec
from devcluster import Part
from devcluster.cluster import environment
from tunewright_api.adapter_monitor import AdapterMonitorSpec
from tunewright_api.failures import FailureClass
from tunewright_api.spec import FineTuneJobSpec
from tunewright_cli.manifests import BadManifest, parse

Body = dict[str, Any]
CRDS = Path(__file__).parents[2] / "crds"
UNCHECKED = "some validation rules were not checked"
STRICT = "strict decoding error: unknown field "
URI = "must be s3://bucket/key (file:// works only with `tunewright run`, on your own machine)"
NAME = "metadata.name must be at most 30 characters: lower-case letters, digits and dashes, beginning with a letter (names of Jobs and pods are made from it)"
CHECKPOINT = "s3://out/adapters/default/demo/r1-0a1b2c3d/train-sft/a1-1234abcd/checkpoint-10"
MONITOR = {"adapterUri": "s3://adapters/a", "endpoint": {"url": "http://vllm:8000/v1", "adapterModel": "a"}}


class Kubectl:
    """kubectl as a user runs it."""

    def __init__(self, cluster: devcluster.Cluster) -> None:
        self._environment = environment(cluster)

    def __call__(
        self, *arguments: str, body: Body | None = None, text: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        stdin = json.dumps(body) if body is not None else text
        return subprocess.run(
            ["kubectl", *arguments], env=self._environment, input=stdin, capture_output=True, text=True, check=False
        )

    def done(self, *arguments: str, body: Body | None = None, text: str | None = None) -> str:
        """What it prints; it must succeed."""
        result = self(*arguments, body=body, text=text)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def sentences(self, *arguments: str, body: Body | None = None, text: str | None = None) -> list[str]:
        """Why it refuses, a sentence an item."""
        result = self(*arguments, body=body, text=text)
        assert result.returncode != 0, result.stdout
        _, _, complaint = result.stderr.strip().partition(" is invalid: ")
        lines = (complaint or result.stderr).strip().splitlines()
        return [line.removeprefix("* ").strip() for line in lines if UNCHECKED not in line]


@pytest.fixture(scope="module")
def kubectl() -> Iterator[Kubectl]:
    name = f"crd-rules-{os.getpid()}"
    yield_to = Kubectl(devcluster.up(name, frozenset({Part.CONTROL_PLANE})))
    try:
        yield_to.done("apply", "--server-side", "-f", str(CRDS))
        yield_to.done("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        yield yield_to
    finally:
        devcluster.down(name)


def changed(*path: str | int, to: Any, body: Body | None = None) -> Body:
    """A valid spec with one change; None removes the field."""
    result = copy.deepcopy(body if body is not None else spec())
    place: Any = result
    for key in path[:-1]:
        place = place.setdefault(key, {}) if isinstance(place, dict) else place[key]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return result


def job(body: Body, name: str = "demo") -> Body:
    return {
        "apiVersion": "tunewright.dev/v1alpha1",
        "kind": "FineTuneJob",
        "metadata": {"name": name, "namespace": "default"},
        "spec": body,
    }


def number_wanted(path: str, kind: str) -> str:
    return f'spec.{path}: Invalid value: "string": spec.{path} in body must be of type {kind}: "string"'


def rewarded(reward: dict[str, Any]) -> dict[str, Any]:
    stage = {**spec()["stages"][0], "method": "GRPO", "rewards": [reward]}
    return changed("stages", to=[stage])


def both(*changes: tuple[str, Any]) -> dict[str, Any]:
    return {**spec(), **dict(changes)}


BAD_NAMES = [
    pytest.param("a" * 31, id="too long"),
    pytest.param("a.b", id="with a dot, which pods' host names cannot have"),
    pytest.param("1a", id="beginning with a digit"),
]
HYPERPARAMETERS = ("stages", 0, "hyperparameters")
BAD_SPECS = [
    pytest.param(changed("modle", to={}), STRICT + '"spec.modle"', id="a misspelt field"),
    pytest.param(changed(*HYPERPARAMETERS, "learningrate", to=1), STRICT + '"spec.stages[0].hyperparameters.learningrate"', id="a misspelt hyperparameter"),
    pytest.param(changed("storage", "secretRef", to={"name": "s3", "namespace": "other"}), STRICT + '"spec.storage.secretRef.namespace"', id="another namespace's Secret"),
    pytest.param(changed("model", to=None), "spec.model: Required value", id="no model"),
    pytest.param(changed("stages", to=[]), "spec.stages: Invalid value: 0: spec.stages in body should have at least 1 items", id="no stage"),
    pytest.param(changed("stages", to=[{**spec()["stages"][0], "name": f"s{n}"} for n in range(9)]), "spec.stages: Too many: 9: must have at most 8 items", id="nine stages"),
    pytest.param(changed("stages", to=[spec()["stages"][0]] * 2), 'spec.stages[1]: Duplicate value: {"name":"sft"}', id="two stages of one name"),
    pytest.param(changed("stages", 0, "name", to="SFT"), 'spec.stages[0].name: Invalid value: "SFT": must be lower-case letters, digits and dashes, such as sft', id="a stage's name in capitals"),
    pytest.param(changed("stages", 0, "name", to="a" * 13), "spec.stages[0].name: Too long: may not be more than 12 bytes", id="a stage's name too long"),
    pytest.param(changed("stages", 0, "method", to="PPO"), 'spec.stages[0].method: Unsupported value: "PPO": supported values: "SFT", "DPO", "KTO", "ORPO", "Reward", "GRPO", "RLOO", "SDFT", "Distillation"', id="an unknown method"),
    pytest.param(changed("stages", 0, "dataset", "format", to="Preference"), "spec.stages[0]: Invalid value: method SFT reads Messages, PromptCompletion, Instruction, Text or ShareGPT rows: set dataset.format to one of them or leave it out", id="SFT on preference rows"),
    pytest.param(changed("stages", 1, "dataset", "format", to="Messages"), "spec.stages[1]: Invalid value: method DPO reads Preference rows: set dataset.format to one of them or leave it out", id="DPO on chat rows"),
    pytest.param(changed(*HYPERPARAMETERS, "beta", to=0.1), "spec.stages[0]: Invalid value: hyperparameters.beta belongs to the methods DPO, KTO, ORPO, GRPO, RLOO or Distillation: remove it, or change the method", id="beta for SFT"),
    pytest.param(changed(*HYPERPARAMETERS, "learningRate", to="2e-4"), number_wanted("stages[0].hyperparameters.learningRate", "number"), id="a number in quotes"),
    pytest.param(changed(*HYPERPARAMETERS, "learningRate", to="auto"), number_wanted("stages[0].hyperparameters.learningRate", "number"), id="auto, where leaving it out means that"),
    pytest.param(changed(*HYPERPARAMETERS, "learningRate", to=0), "spec.stages[0].hyperparameters.learningRate: Invalid value: 0: spec.stages[0].hyperparameters.learningRate in body should be greater than 0", id="a learning rate of nothing"),
    pytest.param(changed(*HYPERPARAMETERS, to={"batchSize": 8, "microBatchSize": 3}), "spec.stages[0].hyperparameters: Invalid value: batchSize must be a multiple of microBatchSize", id="a micro-batch that does not divide the batch"),
    pytest.param(changed("model", "uri", to="models/m"), f'spec.model.uri: Invalid value: "models/m": {URI}', id="a path for a URI"),
    pytest.param(changed("model", "id", to="org/m@main"), 'spec.model.id: Invalid value: "org/m@main": must be the model\'s name as its publisher writes it, such as HuggingFaceTB/SmolLM2-135M-Instruct', id="a model's id with a revision"),
    pytest.param(changed("stages", 0, "dataset", "uri", to="https://host/rows.jsonl"), f'spec.stages[0].dataset.uri: Invalid value: "https://host/rows.jsonl": {URI}', id="data over https"),
    pytest.param(changed("tuning", "quantization", to="nf4"), 'spec.tuning.quantization: Unsupported value: "nf4": supported values: "None", "NF4", "INT8"', id="an enum in another case"),
    pytest.param(changed("tuning", "rank", to=0), "spec.tuning.rank: Invalid value: 0: spec.tuning.rank in body should be greater than or equal to 1", id="rank 0"),
    pytest.param(changed("tuning", "rank", to="16"), number_wanted("tuning.rank", "integer"), id="a rank in quotes"),
    pytest.param(changed(*HYPERPARAMETERS, "generations", to=4), "spec.stages[0]: Invalid value: hyperparameters.generations belongs to the methods GRPO or RLOO: remove it, or change the method", id="answers to each prompt for SFT"),
    pytest.param(changed("stages", 1, "hyperparameters", to={"beta": 0}), "spec.stages[1]: Invalid value: hyperparameters.beta must be above 0 for DPO, KTO and ORPO, and at most 1 for Distillation", id="DPO that is held by nothing"),
    pytest.param(changed("stages", 1, to={**spec()["stages"][1], "method": "KTO", "hyperparameters": {"microBatchSize": 1}}), "spec.stages[1]: Invalid value: method KTO compares the answers of one micro-batch with each other: batchSize and microBatchSize must be at least 2", id="KTO one row at a time"),
    pytest.param(changed("stages", 0, "method", to="GRPO"), "spec.stages[0]: Invalid value: rewards belongs to the methods GRPO or RLOO, which need at least one: say what is rewarded", id="GRPO without rewards"),
    pytest.param(changed("stages", 0, "rewards", to=[{"builtin": "Numeric"}]), "spec.stages[0]: Invalid value: rewards belongs to the methods GRPO or RLOO, which need at least one: say what is rewarded", id="rewards for SFT"),
    pytest.param(changed("stages", 0, "method", to="Distillation"), "spec.stages[0]: Invalid value: teacher belongs to method Distillation, which needs one: say which model is learned from", id="distillation without a teacher"),
    pytest.param(rewarded({"builtin": "Numeric", "stage": "rm"}), "spec.stages[0].rewards[0]: Invalid value: needs either builtin (a rule) or stage (a Reward stage before this one), and not both", id="a reward by rule and by stage"),
    pytest.param(rewarded({"builtin": "RegularExpression"}), "spec.stages[0].rewards[0]: Invalid value: builtin RegularExpression needs pattern", id="a pattern that is missing"),
    pytest.param(rewarded({"builtin": "Numeric", "schema": {"type": "object"}}), "spec.stages[0].rewards[0]: Invalid value: schema belongs to builtin JsonSchema: remove it, or change builtin", id="a schema for a number"),
    pytest.param(changed("stages", to=[{**spec()["stages"][1], "method": "Reward"}]), "spec: Invalid value: stages: a Reward stage only trains a scorer; add the GRPO or RLOO stage that learns from it", id="a scorer and nothing that learns from it"),
    pytest.param(changed("tuning", to={"type": "PromptTuning"}), "spec: Invalid value: tuning.type PromptTuning and PrefixTuning learn by method SFT only: change the type, or the methods", id="prompt tuning by DPO"),
    pytest.param(changed("tuning", to={"type": "Full", "rank": 8}), "spec.tuning: Invalid value: rank, alpha, dropout, dora, rslora and targetModules belong to type LoRA: remove them, or change the type", id="a rank for full fine-tuning"),
    pytest.param(changed("tuning", to={"type": "Full", "quantization": "NF4"}), "spec.tuning: Invalid value: type Full trains every weight, and quantised weights cannot be trained: remove quantization", id="full fine-tuning in 4 bits"),
    pytest.param(changed("tuning", to={"dora": True, "quantization": "INT8"}), "spec.tuning: Invalid value: dora cannot be trained on INT8 (PEFT fails to read its weights back): set quantization to NF4, or leave it out", id="DoRA in 8 bits"),
    pytest.param(changed("tuning", to={"virtualTokens": 8}), "spec.tuning: Invalid value: virtualTokens belongs to the types PromptTuning and PrefixTuning: remove it, or change the type", id="virtual tokens for LoRA"),
    pytest.param(both(("tuning", {"dora": True}), ("output", {"uri": "s3://o/x", "servable": "vLLM"})), "spec: Invalid value: output.servable: vLLM cannot serve DoRA, PromptTuning or PrefixTuning; set output.servable to PEFT, or change spec.tuning", id="DoRA for vLLM"),
    pytest.param(changed("split", to={"validation": 0.5, "test": 0.5}), "spec.split: Invalid value: validation and test together must stay under 0.9: nothing would be left to train on", id="a split that leaves nothing"),
    pytest.param(changed("storage", "endpoint", to="minio:9000"), 'spec.storage.endpoint: Invalid value: "minio:9000": must be http://host:port or https://host:port, without a path; leave it out for AWS S3', id="an endpoint without http"),
    pytest.param(changed("limits", "runDeadline", to="8 hours"), 'spec.limits.runDeadline: Invalid value: "8 hours": must be a duration such as 8h, 90m or 1h30m', id="a duration in words"),
    pytest.param(changed("limits", "queueDeadline", to="1d"), 'spec.limits.queueDeadline: Invalid value: "1d": must be a duration such as 8h, 90m or 1h30m', id="a duration in days"),
    pytest.param(changed("limits", "retries", to={"Preemptd": 3}), f"spec.limits.retries: Invalid value: may only name failure classes: {', '.join(FailureClass)}", id="retries of an unknown class"),
    pytest.param(changed("compute", "scratchSize", to="5 GB"), 'spec.compute.scratchSize: Invalid value: "5 GB": must be a quantity such as 500m, 4 or 16Gi, without a space', id="a quantity with a space"),
    pytest.param(changed("compute", "env", to=[{"name": "HOME", "value": "/x"}]), "spec.compute.env[0]: Invalid value: HOME and names that begin with TUNEWRIGHT_ are set by the operator: choose another name", id="a variable that the operator sets"),
    pytest.param(changed("compute", "gpusPerNode", to=8), "spec.compute.gpusPerNode: Invalid value: 8: spec.compute.gpusPerNode in body should be less than or equal to 1", id="more GPUs than can be used yet"),
    pytest.param(changed("evaluation", "metrics", to=["bleu"]), 'spec.evaluation.metrics[0]: Unsupported value: "bleu": supported values: "loss", "rougeL", "exactMatch", "preferenceAccuracy", "reward"', id="an unknown metric"),
    pytest.param(changed("ttlSecondsAfterFinished", to=-1), "spec.ttlSecondsAfterFinished: Invalid value: -1: spec.ttlSecondsAfterFinished in body should be greater than or equal to 0", id="a time to live of less than nothing"),
    pytest.param(changed("resumeFrom", to="checkpoint-10"), 'spec.resumeFrom: Invalid value: "checkpoint-10": must be a checkpoint of this job as status.checkpoints shows it: s3://.../train-<stage>/a<attempt>-<pod>/checkpoint-<step>', id="a checkpoint without its place"),
    pytest.param(changed("resumeFrom", to="s3://out/adapters/t/demo/r1-0a1b2c3d/train-kto/a1-1234abcd/checkpoint-10"), "spec.resumeFrom must be a checkpoint of one of spec.stages: its URI has /train-<stage>/ in it", id="a checkpoint of no stage"),
    pytest.param(changed("suspend", to="off"), number_wanted("suspend", "boolean"), id="a word for a truth"),
]  # fmt: skip
BAD_MONITORS = [
    pytest.param(changed("endpoint", "url", to="vllm:8000", body=MONITOR), 'spec.endpoint.url: Invalid value: "vllm:8000": must be the base URL of the API, such as http://vllm.models:8000/v1', id="an endpoint without http"),
    pytest.param(changed("endpoint", "url", to=None, body=MONITOR), "spec.endpoint.url: Required value", id="no endpoint"),
    pytest.param(changed("probe", "intervalSeconds", to=1, body=MONITOR), "spec.probe.intervalSeconds: Invalid value: 1: spec.probe.intervalSeconds in body should be greater than or equal to 5", id="probes without a pause"),
    pytest.param(changed("drift", to={"trafficUri": "traffic"}, body=MONITOR), f'spec.drift.trafficUri: Invalid value: "traffic": {URI}', id="traffic that is no URI"),
    pytest.param(changed("drift", to={"trafficUri": "s3://traffic", "windowSamples": 100}, body=MONITOR), "spec.drift: Invalid value: windowSamples (default 1000) must not be smaller than minimumSamples (default 500): raise the first or lower the second", id="a window below the minimum"),
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_pods_could_not_have_is_refused(kubectl: Kubectl, name: str) -> None:
    (sentence,) = kubectl.sentences("apply", "-f", "-", body=job(spec(), name))
    assert sentence.endswith(NAME)


@pytest.mark.parametrize(("body", "sentence"), BAD_SPECS)
def test_a_bad_job_is_refused_with_one_sentence(kubectl: Kubectl, body: Body, sentence: str) -> None:
    (found,) = kubectl.sentences("apply", "-f", "-", body=job(body))
    assert found.endswith(sentence)
    with pytest.raises(ValidationError):
        FineTuneJobSpec.model_validate(body)


@pytest.mark.parametrize(("body", "sentence"), BAD_MONITORS)
def test_a_bad_monitor_is_refused_with_one_sentence(kubectl: Kubectl, body: Body, sentence: str) -> None:
    (found,) = kubectl.sentences("apply", "-f", "-", body={**job(body), "kind": "AdapterMonitor"})
    assert found.endswith(sentence)
    with pytest.raises(ValidationError):
        AdapterMonitorSpec.model_validate(body)


def test_a_local_file_is_for_local_runs_only(kubectl: Kubectl) -> None:
    body = changed("model", "uri", to="file:///models/m")
    (sentence,) = kubectl.sentences("apply", "-f", "-", body=job(body))
    assert sentence == f'spec.model.uri: Invalid value: "file:///models/m": {URI}'
    assert FineTuneJobSpec.model_validate(body).model.uri == "file:///models/m"


FULL = {**spec(), "seed": 1, "image": "trainer:1", "split": {"seed": 7}, "data": {"checks": {"length": "Fix"}}, "tuning": {"rank": 8}, "evaluation": {"maxRows": 9}, "storage": {"region": "r"}, "compute": {"gpusPerNode": 0}, "imagePullSecrets": [{"name": "pull"}]}  # fmt: skip
FIXED_CHANGES = {
    "model": lambda value: {**value, "id": "org/other"},
    "output": lambda value: {"uri": value["uri"] + "/other"},
    "stages": lambda value: value[:1],
    "seed": lambda value: 2,
    "image": lambda value: "trainer:2",
    "split": lambda value: {"seed": 8},
    "data": lambda value: {"checks": {"length": "Fail"}},
    "tuning": lambda value: {"rank": 9},
    "evaluation": lambda value: {"maxRows": 10},
    "storage": lambda value: {"region": "s"},
    "compute": lambda value: {"gpusPerNode": 1},
    "imagePullSecrets": lambda value: [{"name": "other"}],
}


@pytest.fixture
def fresh(kubectl: Kubectl) -> Iterator[Callable[[Body], None]]:
    """Creates the job `demo`."""

    def create(body: Body) -> None:
        kubectl.done("create", "-f", "-", body=job(body))

    yield create
    kubectl.done("delete", "ftj", "--all")


def fixed_message(field: str) -> str:
    return f"spec.{field} cannot be changed after creation: create a new FineTuneJob, or delete this one first (only suspend, cancel, runAttempt, limits, ttlSecondsAfterFinished and resumeFrom may change)"


def test_every_field_but_the_named_ones_is_fixed_however_it_is_changed(
    kubectl: Kubectl, fresh: Callable[[Body], None]
) -> None:
    """Also by removing an optional block, and by adding one that was not there: that is how rules on single fields are got round."""
    fresh(FULL)
    for field, change in FIXED_CHANGES.items():
        (sentence,) = kubectl.sentences("replace", "-f", "-", body=job({**FULL, field: change(FULL[field])}))
        assert sentence.endswith(fixed_message(field)), field
        if field not in ("model", "stages", "output"):
            (sentence,) = kubectl.sentences(
                "replace", "-f", "-", body=job({key: value for key, value in FULL.items() if key != field})
            )
            assert sentence.endswith(fixed_message(field)), field
    kubectl.done("delete", "ftj", "demo")
    fresh(spec())
    for field in FIXED_CHANGES:
        if field not in ("model", "stages", "output"):
            (sentence,) = kubectl.sentences("replace", "-f", "-", body=job({**spec(), field: FULL[field]}))
            assert sentence.endswith(fixed_message(field)), field


def test_the_table_above_has_every_fixed_field() -> None:
    fields = {info.alias for info in FineTuneJobSpec.model_fields.values()}
    assert set(FIXED_CHANGES) == fields - {
        "suspend",
        "cancel",
        "runAttempt",
        "limits",
        "ttlSecondsAfterFinished",
        "resumeFrom",
    }


def patch(kubectl: Kubectl, **fields: Any) -> list[str]:
    arguments = ("patch", "ftj", "demo", "--type=merge", "-p", json.dumps({"spec": fields}))
    return [] if kubectl(*arguments).returncode == 0 else kubectl.sentences(*arguments)


def test_a_run_can_be_suspended_bounded_cancelled_and_started_anew(
    kubectl: Kubectl, fresh: Callable[[Body], None]
) -> None:
    fresh(spec())
    assert patch(kubectl, suspend=True) == []
    assert patch(kubectl, suspend=False, limits={"runDeadline": "8h"}) == []
    assert patch(kubectl, limits={"runDeadline": "9h", "retries": {"Preempted": 5}}) == []
    assert patch(kubectl, ttlSecondsAfterFinished=3600) == []
    assert patch(kubectl, ttlSecondsAfterFinished=None) == []
    assert patch(kubectl, cancel=True) == []
    (sentence,) = patch(kubectl, cancel=False)
    assert sentence.endswith("spec.cancel cannot be taken back: raise spec.runAttempt in the same change to run again")
    assert patch(kubectl, cancel=False, runAttempt=2) == []
    (sentence,) = patch(kubectl, runAttempt=1)
    assert sentence.endswith("spec.runAttempt can only be raised")
    (sentence,) = patch(kubectl, resumeFrom=CHECKPOINT)
    assert sentence.endswith("spec.resumeFrom says where a new run begins: raise spec.runAttempt in the same change")
    assert patch(kubectl, resumeFrom=CHECKPOINT, runAttempt=3) == []
    (sentence,) = patch(kubectl, resumeFrom=None)
    assert sentence.endswith("spec.resumeFrom says where a new run begins: raise spec.runAttempt in the same change")
    assert patch(kubectl, resumeFrom=None, runAttempt=4) == []
    kubectl.done("label", "ftj", "demo", "team=a")
    kubectl.done("annotate", "ftj", "demo", "note=b")


def test_spec_and_status_are_written_apart(kubectl: Kubectl, fresh: Callable[[Body], None]) -> None:
    fresh(spec())
    both = json.dumps({"spec": {"suspend": True}, "status": {"phase": "Complete"}})
    kubectl.done("patch", "ftj", "demo", "--type=merge", "-p", both)
    seen = json.loads(kubectl.done("get", "ftj", "demo", "-o", "json"))
    assert (seen["spec"]["suspend"], seen["status"].get("phase")) == (True, None)
    assert seen["status"]["observedGeneration"] == -1, "kstatus must not take a job that nobody has seen for a done one"
    both = json.dumps({"spec": {"suspend": False}, "status": {"phase": "Complete"}})
    kubectl.done("patch", "ftj", "demo", "--subresource=status", "--type=merge", "-p", both)
    seen = json.loads(kubectl.done("get", "ftj", "demo", "-o", "json"))
    assert (seen["spec"]["suspend"], seen["status"]["phase"]) == (True, "Complete")


def test_the_table_shows_what_a_user_wants_to_know(kubectl: Kubectl, fresh: Callable[[Body], None]) -> None:
    fresh({**spec(), "compute": {"queueName": "team-a"}})
    progress = {"step": "train-sft", "summary": "sft 23/40", "loss": 1.25}
    status = {"phase": "Running", "step": "train-sft", "progress": progress}
    kubectl.done("patch", "ftj", "demo", "--subresource=status", "--type=merge", "-p", json.dumps({"status": status}))
    header, row = kubectl.done("get", "ftj").splitlines()
    assert header.split() == ["NAME", "PHASE", "STEP", "PROGRESS", "LOSS", "MODEL", "AGE"]
    assert row.split()[:7] == ["demo", "Running", "train-sft", "sft", "23/40", "1.25", spec()["model"]["id"]]
    header, row = kubectl.done("get", "finetuning", "-o", "wide").splitlines()
    assert header.split()[-3:] == ["ADAPTER", "QUEUE", "AGE"]
    assert "team-a" in row
    assert "demo" in kubectl.done("get", "ftj", "--field-selector", "status.phase=Running")
    assert kubectl.done("get", "ftj", "--field-selector", "status.phase=Failed") == ""
    assert "demo" in kubectl.done("get", "ftj", "--field-selector", f"spec.model.id={spec()['model']['id']}")


EXPLAINED = [
    ("ftj", "Fine-tunes a language model"),
    ("ftj.spec.stages", "Training, in order: say SFT, then DPO."),
    (
        "ftj.spec.stages.hyperparameters.learningRate",
        "Peak learning rate. Default: for LoRA 2e-4 in SFT, 5e-6 in DPO, and so on by method; a tenth of it for Full, more for prompt learning.",
    ),
    ("ftj.spec.tuning.quantization", "(QLoRA): a quarter of the memory"),
    ("ftj.status.conditions", "observedGeneration"),
    ("amon.spec.endpoint.baseModel", "the control that tells a slow adapter from a slow"),
]


@pytest.mark.parametrize(("path", "words"), EXPLAINED)
def test_explain_reads_like_documentation(kubectl: Kubectl, path: str, words: str) -> None:
    assert words in " ".join(kubectl.done("explain", path).split())


NUMBERS = ("2e-4", "2E-4", "1e3", ".5", "-.5", "5.", "1.0", "+1", "1_000", "017", "0o17", "08", "0x1F", "0b11", "-0b1", "1e400", "9223372036854775807", "18446744073709551615", "9" * 20, "0x" + "f" * 17, "9" * 5000)  # fmt: skip
WORDS = ("off", "Off", "NO", "yes", "y", "N", "true", "~", "null", "1:30", "12:30:45", "2026-01-31", "2026-01-31T12:00:00Z", "=", "0x", "_1", "'2e-4'")  # fmt: skip


def nearest(value: Any) -> Any:
    """Beyond 2**53 kubectl prints the shortest digits that mean the same fraction."""
    return float(value) if isinstance(value, int) and abs(value) > 2**53 else value


def test_our_command_line_reads_each_value_as_kubectl_does(kubectl: Kubectl) -> None:
    """PyYAML by itself makes a text of 2e-4, 90 of 1:30, and a date of a date: a manifest would mean something else on a laptop."""
    written = [*NUMBERS, *WORDS]
    lines = "".join(f"- {value}\n" for value in written)
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\nkeys: {{on: 1, 2: 1, 1:30: 1}}\nvalues:\n{lines}"
    theirs = json.loads(
        kubectl.done("create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-", text=text)
    )
    (ours,) = parse(text, "a.yaml")
    for value, of_kubectl, of_ours in zip(written, theirs["values"], ours.body["values"], strict=True):
        assert type(of_ours) is type(of_kubectl), value
        assert nearest(of_ours) == nearest(of_kubectl), value
    assert ours.body["keys"] == theirs["keys"]


UNREADABLE = [
    pytest.param("a: .nan", "not valid YAML: .nan is no number that JSON has", id="what JSON has no word for"),
    pytest.param("a: 1\na: 2", "not valid YAML: key 'a' stands twice", id="a key that stands twice"),
    pytest.param("? [a, b]\n: 1", "not valid YAML: a key must be a text", id="a list for a key"),
    pytest.param("~: 1", "not valid YAML: a key must be a text", id="nothing for a key"),
]


@pytest.mark.parametrize(("text", "sentence"), UNREADABLE)
def test_what_is_refused_here_is_refused_by_kubectl(kubectl: Kubectl, text: str, sentence: str) -> None:
    with pytest.raises(BadManifest, match=re.escape(sentence)):
        parse(text, "a.yaml")
    assert kubectl.sentences("create", "--dry-run=client", "-f", "-", text=f"apiVersion: v1\nkind: List\n{text}\n")
