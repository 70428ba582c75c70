"""How stages fit together, and which numbers are chosen for each method and type."""

from typing import Any

import pytest
from pydantic import ValidationError

from builders import spec
from tunewright_api.methods import Method
from tunewright_api.spec import FineTuneJobSpec
from tunewright_api.stages import Stage
from tunewright_api.tuning import Tuning
from tunewright_trainer.train.hyperparameters import Data, Settings, resolve

DATASET = {"uri": "s3://d/rows.jsonl"}
EXACT = [{"builtin": "ExactAnswer"}]
FIELDS: dict[str, dict[str, Any]] = {
    "GRPO": {"rewards": EXACT},
    "RLOO": {"rewards": EXACT},
    "Distillation": {"teacher": {"uri": "s3://m/teacher"}},
}


def stage(name: str, method: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "method": method, "dataset": DATASET, **FIELDS.get(method, {}), **fields}


def job(*stages: dict[str, Any], **changes: Any) -> FineTuneJobSpec:
    return FineTuneJobSpec.model_validate({**spec(), "stages": list(stages), **changes})


CHAINS = [
    pytest.param([stage("sft", "SFT"), stage("dpo", "DPO"), stage("rl", "GRPO")], {"sft": None, "dpo": "sft", "rl": "dpo"}, id="each goes on from the one before"),
    pytest.param([stage("sft", "SFT"), stage("rm", "Reward"), stage("rl", "RLOO", rewards=[{"stage": "rm"}])], {"sft": None, "rm": "sft", "rl": "sft"}, id="a scorer starts from the chain and does not move it"),
    pytest.param([stage("rm", "Reward"), stage("rl", "GRPO", rewards=[{"stage": "rm"}, *EXACT])], {"rm": None, "rl": None}, id="a scorer of the base model"),
]  # fmt: skip


@pytest.mark.parametrize(("stages", "before"), CHAINS)
def test_a_stage_starts_from_the_chain_so_far(stages: list[dict[str, Any]], before: dict[str, str | None]) -> None:
    made = job(*stages)
    found = {each.name: made.stage_before(each) for each in made.stages}
    assert {name: earlier.name if earlier else None for name, earlier in found.items()} == before


BROKEN = [
    pytest.param([stage("rm", "Reward")], {}, "stages: a Reward stage only trains a scorer; add the GRPO or RLOO stage that learns from it", id="only a scorer"),
    pytest.param([stage("rl", "RLOO", rewards=[{"stage": "rm"}]), stage("rm", "Reward")], {}, "stages[rl].rewards: there is no Reward stage 'rm' before this one; name one of those before it, or move it", id="a scorer that comes too late"),
    pytest.param([stage("sft", "SFT"), stage("rl", "RLOO", rewards=[{"stage": "sft"}])], {}, "stages[rl].rewards: there is no Reward stage 'sft' before this one", id="a scorer that is none"),
    pytest.param([stage("sft", "SFT"), stage("rm", "Reward")], {}, "stages[rm]: nothing learns from this Reward stage; name it in the rewards of a later GRPO or RLOO stage", id="a scorer that nobody asks"),
    pytest.param([stage("sft", "SFT"), stage("self", "SDFT")], {}, "stages[self]: SDFT learns from the base model, so it must be the first stage of the chain", id="SDFT after SFT"),
    pytest.param([stage("dpo", "DPO")], {"tuning": {"type": "PrefixTuning"}}, "tuning.type PromptTuning and PrefixTuning learn by method SFT only", id="prefix tuning by DPO"),
    pytest.param([stage("sft", "SFT")], {"tuning": {"dora": True}, "output": {"uri": "s3://o/x", "servable": "vLLM"}}, "output.servable: vLLM cannot serve DoRA, PromptTuning or PrefixTuning; set output.servable to PEFT, or change spec.tuning", id="DoRA for vLLM"),
    pytest.param([stage("sft", "SFT")], {"tuning": {"dora": True, "quantization": "INT8"}}, "dora cannot be trained on INT8", id="DoRA in 8 bits"),
    pytest.param([stage("kto", "KTO", hyperparameters={"batchSize": 1})], {}, "method KTO compares the answers of one micro-batch with each other", id="KTO a row at a time"),
    pytest.param([stage("rl", "GRPO", hyperparameters={"batchSize": 10, "generations": 4})], {}, "batchSize 10 counts answers: it must be a multiple of generations 4", id="half a group of answers"),
    pytest.param([stage("d", "Distillation", hyperparameters={"beta": 2})], {}, "hyperparameters.beta must be above 0 for DPO, KTO and ORPO, and at most 1 for Distillation", id="a mixture of more than all"),
]  # fmt: skip


@pytest.mark.parametrize(("stages", "changes", "words"), BROKEN)
def test_stages_that_do_not_fit_are_refused_in_a_sentence(
    stages: list[dict[str, Any]], changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        job(*stages, **changes)
    assert words in str(caught.value)


SERVABLE = [
    pytest.param({}, "vLLM", id="LoRA"),
    pytest.param({"rslora": True}, "vLLM", id="rsLoRA"),
    pytest.param({"type": "Full"}, "vLLM", id="all weights"),
    pytest.param({"dora": True}, "PEFT", id="DoRA"),
    pytest.param({"type": "PromptTuning"}, "PEFT", id="prompt tuning"),
]


@pytest.mark.parametrize(("tuning", "servable"), SERVABLE)
def test_vllm_is_meant_where_it_can_serve(tuning: dict[str, Any], servable: str) -> None:
    assert job(stage("sft", "SFT"), tuning=tuning).servable == servable


def chosen(method: str, tuning: dict[str, Any], data: Data, **hyperparameters: Any) -> tuple[Settings, dict[str, str]]:
    made = Stage.model_validate(stage("s", method, hyperparameters=hyperparameters))
    settings, told = resolve(made, Tuning.model_validate(tuning), data)
    return settings, {value.name: value.reason for value in told.hyperparameters}


ROWS = Data(train_rows=1000, longest_tokens=300, context_length=2048)
FEW = Data(train_rows=10, longest_tokens=50, context_length=128)
CHOICES = [
    pytest.param("SFT", {}, ROWS, {}, {"learning_rate": 2e-4, "rank": 16, "alpha": 32, "batch_size": 16, "total_steps": 189, "beta": 0.0, "max_new_tokens": 0}, id="SFT with LoRA"),
    pytest.param("SFT", {"rslora": True, "rank": 64}, ROWS, {}, {"rank": 64, "alpha": 16}, id="rsLoRA divides by the root"),
    pytest.param("SFT", {"type": "Full"}, ROWS, {}, {"learning_rate": pytest.approx(2e-5), "rank": 0, "alpha": 0}, id="all weights take a tenth of the rate"),
    pytest.param("SFT", {"type": "PromptTuning"}, ROWS, {}, {"learning_rate": pytest.approx(3e-2), "virtual_tokens": 20, "rank": 0}, id="prompt tuning takes large steps"),
    pytest.param("KTO", {}, FEW, {}, {"batch_size": 2, "micro_batch_size": 2}, id="KTO never takes a row alone"),
    pytest.param("KTO", {}, FEW, {"batchSize": 3}, {"micro_batch_size": 3}, id="KTO with an odd batch"),
    pytest.param("GRPO", {}, ROWS, {}, {"generations": 8, "batch_size": 64, "beta": 0.0, "max_new_tokens": 256, "total_steps": 125, "learning_rate": 1e-5}, id="GRPO counts answers"),
    pytest.param("RLOO", {}, FEW, {}, {"generations": 4, "batch_size": 20, "micro_batch_size": 4, "beta": 0.05, "max_new_tokens": 78}, id="RLOO with few rows and a short context"),
    pytest.param("GRPO", {}, ROWS, {"microBatchSize": 6}, {"batch_size": 24, "micro_batch_size": 6}, id="a batch that micro-batch and group divide"),
    pytest.param("Distillation", {}, ROWS, {}, {"beta": 1.0, "generations": 0, "max_new_tokens": 256}, id="distillation"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "tuning", "data", "given", "expected"), CHOICES)
def test_numbers_are_chosen_for_method_and_type(
    method: str, tuning: dict[str, Any], data: Data, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    settings, _ = chosen(method, tuning, data, **given)
    assert {name: getattr(settings, name) for name in expected} == expected


@pytest.mark.parametrize("method", list(Method))
def test_every_method_says_why_it_takes_each_number(method: Method) -> None:
    settings, reasons = chosen(method, {}, ROWS)
    assert all(reasons.values())
    assert settings.batch_size % settings.micro_batch_size == 0
    assert {"learningRate", "epochs", "batchSize", "rank"} <= reasons.keys()
