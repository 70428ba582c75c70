"""Every method with every adapter trains the tiny model towards a goal that it could miss, and goes on after a stop as if there had been none."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import tiny_model
from interrupted import history, losses, stop_after
from tiny_model import Run
from tunewright_api.failures import FailureClass
from tunewright_api.spec import FineTuneJobSpec
from tunewright_trainer.shell import preemption

pytestmark = pytest.mark.filterwarnings("ignore")

Goal = Callable[[Run], bool]
Wire = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Matrices this small are computed faster by one thread than by two that wait for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def no_stop() -> Iterator[None]:
    preemption.clear()
    yield
    preemption.clear()


@dataclass(frozen=True)
class Place:
    """Models and rows."""

    model: Path
    teacher: Path
    """Another model with the same tokenizer."""
    data: Path

    def dataset(self, name: str) -> Wire:
        return {"uri": f"file://{self.data}/{name}.jsonl"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    data = tmp_path_factory.mktemp("data")
    tiny_model.write_rows(data)
    return Place(
        tiny_model.make_model(tmp_path_factory.mktemp("model"), spread=0.2),
        tiny_model.make_model(tmp_path_factory.mktemp("teacher"), spread=0.2, seed=1),
        data,
    )


def held_out(figure: str) -> Callable[[Run], float]:
    return lambda run: run.results["train-s"].figures[figure]


def below(figure: str, bound: float) -> Goal:
    return lambda run: held_out(figure)(run) < bound


def above(figure: str, bound: float) -> Goal:
    return lambda run: held_out(figure)(run) > bound


def rises(name: str, least: float) -> Goal:
    """The mean of the last quarter of the steps is that much above the first quarter's."""

    def risen(run: Run) -> bool:
        values = [entry[name] for entry in history(run, "train-s")]
        quarter = len(values) // 4
        return sum(values[-quarter:]) / quarter - sum(values[:quarter]) / quarter > least

    return risen


def falls(name: str, share: float) -> Goal:
    """The mean of the last quarter of the steps is at most that share of the first quarter's."""

    def fallen(run: Run) -> bool:
        values = [entry[name] for entry in history(run, "train-s")]
        quarter = len(values) // 4
        return sum(values[-quarter:]) < share * sum(values[:quarter])

    return fallen


@dataclass(frozen=True)
class Case:
    """How a method is trained here, and what it has to reach."""

    rows: str
    goal: Goal
    numbers: Wire = field(default_factory=dict)
    extra: Wire = field(default_factory=dict)


VOWEL: Wire = {"rewards": [{"builtin": "RegularExpression", "pattern": "e"}]}
GROUPS: Wire = {"maxSteps": 24, "batchSize": 32, "microBatchSize": 32, "generations": 8, "maxNewTokens": 4, "learningRate": 0.05}  # fmt: skip
CASES = {
    "SFT": Case("sft", below("validationLoss", 5.9)),
    "DPO": Case("dpo", above("validationMargin", 0.5)),
    "KTO": Case("dpo", above("validationMargin", 0.3)),
    "ORPO": Case("dpo", above("validationMargin", 0.02)),
    "Reward": Case("dpo", above("validationAccuracy", 0.9)),
    "GRPO": Case("sft", rises("reward", 0.1), GROUPS, VOWEL),
    "RLOO": Case("sft", rises("reward", 0.1), GROUPS, VOWEL),
    "SDFT": Case("sft", falls("loss", 0.95), {"maxNewTokens": 4}),
    "Distillation": Case("sft", falls("loss", 0.9), {"maxNewTokens": 4}),
}
LORA: Wire = {"rank": 4, "dropout": 0.1}
ADAPTERS: dict[str, Wire] = {
    "LoRA": LORA,
    "rsLoRA": {**LORA, "rslora": True},
    "DoRA": {**LORA, "dora": True},
    "QLoRA": {**LORA, "quantization": "NF4"},
    "LoRA on INT8": {**LORA, "quantization": "INT8"},
    "DoRA on NF4": {**LORA, "dora": True, "quantization": "NF4"},
    "Full": {"type": "Full"},
}
PROMPTS: dict[str, Wire] = {
    "PromptTuning": {"type": "PromptTuning", "virtualTokens": 8},
    "PrefixTuning": {"type": "PrefixTuning", "virtualTokens": 8},
    "PromptTuning on NF4": {"type": "PromptTuning", "virtualTokens": 8, "quantization": "NF4"},
    "PrefixTuning on INT8": {"type": "PrefixTuning", "virtualTokens": 8, "quantization": "INT8"},
}
RATES = {"Full": 0.003, "PromptTuning": 0.1, "PrefixTuning": 0.1}


def stage(place: Place, method: str, tuning: Wire) -> Wire:
    """The stage s of that method, with numbers that suit the tiny model."""
    case = CASES[method]
    numbers: Wire = {"maxSteps": 12, "batchSize": 8, "microBatchSize": 4, "checkpointSteps": 5, "learningRate": 0.01}
    numbers |= case.numbers
    rate = RATES.get(tuning.get("type", "LoRA"), numbers["learningRate"])
    made: Wire = {"name": "s", "method": method, "dataset": place.dataset(case.rows), **case.extra}
    if method == "Distillation":
        made["teacher"] = {"uri": f"file://{place.teacher}"}
    return {**made, "hyperparameters": {**numbers, "learningRate": rate}}


def job(place: Place, root: Path, tuning: Wire, *stages: Wire, **changes: Any) -> Run:
    """A run of these stages. A Reward stage alone is no job, so one that learns from it follows."""
    listed = list(stages)
    if listed[-1]["method"] == "Reward":
        scored = {**stage(place, "GRPO", tuning), "name": "after", "rewards": [{"stage": listed[-1]["name"]}]}
        listed.append(scored)
    body = {
        "model": {"uri": f"file://{place.model}", "id": "test/tiny"},
        "tuning": tuning,
        "stages": listed,
        "evaluation": {"maxRows": 4, "maxNewTokens": 4},
        "output": {"uri": f"file://{root}/out"},
        **changes,
    }
    return Run(FineTuneJobSpec.model_validate(body), root / "scratch")


def stopped_and_resumed(place: Place, root: Path, tuning: Wire, made: Wire, at: int) -> Run:
    """The same job, evicted during step `at` and gone on with."""
    run = job(place, root, tuning, made)
    run.until("prepare")
    with pytest.MonkeyPatch.context() as patched:
        stop_after(patched, at)
        failure = run.attempt("train-s").failure
    assert failure is not None
    assert failure.failure_class is FailureClass.PREEMPTED, failure
    preemption.clear()
    resumed = run.attempt("train-s")
    assert resumed.failure is None, resumed.failure
    return run


TABLE = [
    pytest.param(method, adapter, id=f"{method} {name}", marks=[] if method == "SFT" or name in {"LoRA", "Full"} else [pytest.mark.slow])
    for method in CASES
    for name, adapter in ADAPTERS.items()
] + [pytest.param("SFT", adapter, id=f"SFT {name}") for name, adapter in PROMPTS.items()]  # fmt: skip


@pytest.mark.parametrize(("method", "tuning"), TABLE)
def test_a_method_learns_with_an_adapter_and_resumes_exactly(
    place: Place, tmp_path: Path, method: str, tuning: Wire
) -> None:
    made = stage(place, method, tuning)
    calm = job(place, tmp_path / "calm", tuning, made)
    calm.until("train-s")
    assert CASES[method].goal(calm), (calm.results["train-s"].figures, history(calm, "train-s"))
    rough = stopped_and_resumed(place, tmp_path / "rough", tuning, made, at=3)
    assert losses(rough, "train-s") == losses(calm, "train-s")
    assert rough.results["train-s"].digest == calm.results["train-s"].digest


def test_answers_that_are_used_twice_are_resumed_only_where_new_ones_begin(place: Place, tmp_path: Path) -> None:
    """A checkpoint does not hold the answers that were written: the stop waits for the step that would write new ones."""
    made = {**stage(place, "GRPO", LORA), "trainingArguments": {"num_iterations": 2}}
    calm = job(place, tmp_path / "calm", LORA, made)
    calm.until("train-s")
    rough = stopped_and_resumed(place, tmp_path / "rough", LORA, made, at=6)
    saved = sorted(path.parent.name for path in (tmp_path / "rough").rglob("checkpoint-*/manifest.json"))
    assert saved == ["checkpoint-12", "checkpoint-18", "checkpoint-6", "checkpoint-8"]
    assert losses(rough, "train-s") == losses(calm, "train-s")


@pytest.mark.parametrize("tuning", [pytest.param(LORA, id="LoRA"), pytest.param({"type": "Full"}, id="Full")])
def test_a_scorer_starts_from_the_chain_and_does_not_move_it(place: Place, tmp_path: Path, tuning: Wire) -> None:
    """With a rate of nothing in the later stages, what they leave is what they have started from."""
    still = {"maxSteps": 1, "warmupSteps": 1}
    scorer = {"name": "rm", "method": "Reward", "dataset": place.dataset("dpo"), "hyperparameters": still}
    policy = {
        **stage(place, "RLOO", tuning),
        "name": "rl",
        "rewards": [{"stage": "rm"}, {"builtin": "ExactAnswer", "weight": 2}],
        "hyperparameters": {**still, "batchSize": 8, "generations": 4, "maxNewTokens": 4},
    }
    run = job(place, tmp_path, tuning, stage(place, "SFT", tuning), scorer, policy)
    published = run.until("publish")
    assert run.results["train-rl"].digest == run.results["train-s"].digest
    taught, scored = (tensors(run, step) for step in ("train-s", "train-rm"))
    heads = {name for name in scored if "score" in name}
    shared = taught.keys() & scored.keys()
    assert len(heads) == 1
    assert shared == scored.keys() - heads
    assert all((taught[name] == scored[name]).all() for name in shared)
    assert published.evaluation is not None
    assert [metric.name for metric in published.evaluation.metrics] == ["loss", "rougeL", "reward"]


def tensors(run: Run, step: str) -> dict[str, Any]:
    from safetensors.torch import load

    names = [name for name in ("adapter_model.safetensors", "model.safetensors") if has(run, step, f"adapter/{name}")]
    return load(run.file(step, f"adapter/{names[0]}"))


def has(run: Run, step: str, path: str) -> bool:
    manifest = json.loads(Path(str(run.results[step].manifest_uri).removeprefix("file://")).read_text())
    return path in {entry["path"] for entry in manifest["files"]}


def test_a_reward_rises_against_a_trained_scorer(place: Place, tmp_path: Path) -> None:
    """RLHF: the scorer dislikes the word no, and the model learns what it likes."""
    scorer = {**stage(place, "Reward", LORA), "name": "rm"}
    policy = {**stage(place, "RLOO", LORA), "rewards": [{"stage": "rm"}]}
    run = job(place, tmp_path, LORA, scorer, policy)
    run.until("train-s")
    assert rises("reward", 0.1)(run), history(run, "train-s")


@pytest.mark.parametrize("tuning", [pytest.param(LORA, id="LoRA"), pytest.param({"type": "Full"}, id="Full")])
def test_preferences_are_held_to_the_model_that_sft_has_left(place: Place, tmp_path: Path, tuning: Wire) -> None:
    run = job(place, tmp_path, tuning, {**stage(place, "SFT", tuning), "name": "sft"}, stage(place, "DPO", tuning))
    run.until("train-s")
    first = history(run, "train-s")[0]
    assert (first["rewards/margins"], first["loss"]) == (0.0, pytest.approx(0.6931, abs=1e-4))


PUBLISHED = [
    pytest.param("LoRA", LORA, "LoRA", "vLLM --enable-lora --max-lora-rank 8", id="LoRA"),
    pytest.param("DoRA", {**LORA, "dora": True}, "DoRA", "PEFT", id="DoRA"),
    pytest.param("PromptTuning", PROMPTS["PromptTuning"], "PromptTuning", "PEFT", id="prompt tuning"),
    pytest.param("PrefixTuning", PROMPTS["PrefixTuning"], "PrefixTuning", "PEFT", id="prefix tuning"),
    pytest.param("Full", {"type": "Full"}, "Full", "vLLM", id="all weights"),
]


@pytest.mark.parametrize(("name", "tuning", "kind", "servable"), PUBLISHED)
def test_what_is_published_loads_and_answers_as_it_was_evaluated(
    place: Place, tmp_path: Path, name: str, tuning: Wire, kind: str, servable: str
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    run = job(place, tmp_path, tuning, stage(place, "SFT", tuning))
    published = run.until("publish")
    assert published.adapter is not None
    assert published.evaluation is not None
    assert (published.adapter.type, published.adapter.servable) == (kind, servable)
    loss = next(metric for metric in published.evaluation.metrics if metric.name == "loss")
    assert loss.tuned < loss.base - 0.2
    folder = Path(published.adapter.uri.removeprefix("file://"))
    assert str(tmp_path) not in "".join(path.read_text() for path in folder.glob("*config.json"))
    if kind == "Full":
        AutoModelForCausalLM.from_pretrained(folder)
    else:
        PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(place.model), folder)


REFUSED = [
    pytest.param("SFT", PROMPTS["PrefixTuning"], {"trainingArguments": {"packing": True}}, "stages[s].trainingArguments.packing: cannot be used with PrefixTuning: only the first row of each pack would get the trained tokens", id="packing with a trained prefix"),
    pytest.param("SFT", PROMPTS["PromptTuning"], {"trainingArguments": {"activation_checkpointing": True}}, "stages[s].trainingArguments.activation_checkpointing: cannot be used with PromptTuning: a trained prefix is a cache, which is not recomputed", id="recomputing with trained tokens"),
    pytest.param("GRPO", LORA, {"hyperparameters": {"batchSize": 128, "generations": 2, "maxNewTokens": 4}}, "stages[s].hyperparameters.batchSize: 128 answers, 2 to a prompt, need 64 prompts, and there are 51; lower batchSize", id="a step that needs more prompts than there are"),
    pytest.param("KTO", LORA, {"trainingArguments": {"train_sampling_strategy": "random"}}, "stages[s].trainingArguments: TRL cannot train with them: Loss type `'kto'` estimates the KL divergence term", id="KTO with shuffled batches"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "tuning", "changes", "words"), REFUSED)
def test_what_cannot_be_trained_is_refused_in_a_sentence(
    place: Place, tmp_path: Path, method: str, tuning: Wire, changes: Wire, words: str
) -> None:
    run = job(place, tmp_path, tuning, {**stage(place, method, tuning), **changes})
    run.until("prepare")
    failure = run.attempt("train-s").failure
    assert failure is not None
    assert (failure.failure_class, failure.message[: len(words)]) == (FailureClass.INVALID_SPEC, words)


def test_answers_that_do_not_fit_behind_the_longest_prompt_are_refused_before_the_training(
    place: Place, tmp_path: Path
) -> None:
    numbers = {"hyperparameters": {"maxNewTokens": 250}}
    failure = job(place, tmp_path, LORA, {**stage(place, "GRPO", LORA), **numbers}).attempt("prepare").failure
    assert failure is not None
    assert failure.failure_class is FailureClass.INVALID_DATA
    assert "tokens, at most 6, beside 250 new ones; rows are never cut" in failure.message


def test_a_teacher_of_another_family_is_refused(place: Place, tmp_path: Path) -> None:
    import shutil

    other = tmp_path / "other"
    shutil.copytree(place.teacher, other)
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    first, second = list(tokenizer["model"]["vocab"])[10:12]
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    made = {**stage(place, "Distillation", LORA), "teacher": {"uri": f"file://{other}"}}
    run = job(place, tmp_path, LORA, made)
    run.until("prepare")
    failure = run.attempt("train-s").failure
    assert failure is not None
    assert failure.message == (
        "stages[s].teacher: its tokenizer has other tokens than the base model's; take a teacher of the same family"
    )


DPO_LOSSES = "sigmoid hinge ipo exo_pair nca_pair robust bco_pair sppo_hard aot aot_unpaired apo_zero apo_down discopop sft sigmoid_norm"


@pytest.mark.parametrize("loss", [
    pytest.param(name, marks=[] if name in {"hinge", "ipo"} else [pytest.mark.slow]) for name in DPO_LOSSES.split()
])  # fmt: skip
def test_dpo_takes_every_loss_of_trl(place: Place, tmp_path: Path, loss: str) -> None:
    smoothing = {"label_smoothing": 0.1} if loss in {"robust", "exo_pair"} else {}
    made = {**stage(place, "DPO", LORA), "trainingArguments": {"loss_type": [loss], **smoothing}}
    run = job(place, tmp_path, LORA, made)
    run.until("train-s")
    figures = run.results["train-s"].figures
    assert figures["lastLoss"] < figures["firstLoss"], figures


ODD = [
    pytest.param("KTO", lambda q, a, i: {"prompt": q, "completion": a, "label": i % 2 == 0}, ["loss", "rougeL"], id="answers with a label"),
    pytest.param("GRPO", lambda q, a, i: {"prompt": q}, ["reward"], id="prompts alone, rewarded"),
    pytest.param("GRPO", lambda q, a, i: {"prompt": q, "answer": a}, ["reward"], id="prompts with a reference, rewarded"),
    pytest.param("Distillation", lambda q, a, i: {"prompt": q}, ["preferenceAccuracy"], id="prompts alone, taught by a model, with a stage of pairs"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "row", "metrics"), ODD)
def test_rows_that_only_some_methods_read_are_trained_on_and_evaluated(
    place: Place, tmp_path: Path, method: str, row: Callable[[str, str, int], Wire], metrics: list[str]
) -> None:
    pairs = [json.loads(line) for line in (place.data / "sft.jsonl").read_text().splitlines()]
    rows = [row(pair["prompt"], pair["completion"], index) for index, pair in enumerate(pairs)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(made) + "\n" for made in rows))
    made = stage(place, method, LORA)
    made["dataset"] = {"uri": f"file://{tmp_path}/rows.jsonl"}
    made["hyperparameters"] = {**made["hyperparameters"], "maxSteps": 2}
    after = [{**stage(place, "DPO", LORA), "name": "after"}] if method == "Distillation" else []
    run = job(place, tmp_path, LORA, made, *after, evaluation={"maxRows": 4, "maxNewTokens": 4, "metrics": metrics})
    evaluation = run.until("publish").evaluation
    assert evaluation is not None
    assert [metric.name for metric in evaluation.metrics] == metrics
