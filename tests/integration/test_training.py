"""Training on a tiny real model: interrupted or not, the result is the same; what would silently go wrong is pinned."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tiny_model
import trainer_process
from interrupted import losses, stop_after
from tiny_model import Run
from tunewright_api.failures import FailureClass
from tunewright_api.spec import FineTuneJobSpec
from tunewright_trainer.shell import preemption

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    tiny_model.write_rows(folder)
    return folder


@pytest.fixture(autouse=True)
def no_stop() -> Iterator[None]:
    preemption.clear()
    yield
    preemption.clear()


def start(model: Path, data: Path, root: Path, **changes: Any) -> Run:
    return Run(tiny_model.spec(model, data, root / "out", **changes), root / "scratch")


@pytest.mark.parametrize("quantization", ["None", "NF4"])
@pytest.mark.parametrize("step", ["train-sft", "train-dpo"])
def test_a_run_that_was_stopped_ends_as_one_that_was_not(
    model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quantization: str, step: str
) -> None:
    calm = start(model, data, tmp_path / "calm", quantization=quantization)
    calm.until(step)
    rough = start(model, data, tmp_path / "rough", quantization=quantization)
    rough.until(rough.spec.steps()[rough.spec.steps().index(step) - 1])
    with monkeypatch.context() as patched:
        stop_after(patched, 2)
        stopped = rough.attempt(step)
    assert stopped.failure is not None
    assert stopped.failure.failure_class is FailureClass.PREEMPTED
    assert stopped.checkpoint is not None
    assert stopped.checkpoint.global_step == 3
    preemption.clear()
    assert rough.attempt(step).failure is None
    assert losses(rough, step) == losses(calm, step)
    assert rough.results[step].digest == calm.results[step].digest


def test_a_training_that_is_stopped_at_its_very_end_still_hands_over_what_it_has_learned(
    model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(model, data, tmp_path)
    run.until("prepare")
    with monkeypatch.context() as patched:
        stop_after(patched, 6)
        finished = run.attempt("train-sft")
    preemption.clear()
    assert finished.failure is None
    assert run.attempt("train-sft").reused


def test_a_torn_checkpoint_is_passed_over_for_the_one_before(
    model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = start(model, data, tmp_path / "calm")
    calm.until("train-sft")
    rough = start(model, data, tmp_path / "rough")
    rough.until("prepare")
    with monkeypatch.context() as patched:
        stop_after(patched, 4)
        rough.attempt("train-sft")
    preemption.clear()
    (torn,) = (tmp_path / "rough" / "out").rglob("checkpoint-5/optimizer.pt")
    torn.write_bytes(torn.read_bytes()[:-10])
    (unfinished,) = (tmp_path / "rough" / "out").rglob("checkpoint-4/manifest.json")
    unfinished.unlink()
    assert rough.attempt("train-sft").failure is None
    assert losses(rough, "train-sft") == losses(calm, "train-sft")


def second_run(first: Run, resume_from: str, root: Path, **changes: Any) -> Run:
    """The run after `first`, from one of its checkpoints; the results of the steps before are kept, as the operator keeps them."""
    body = {**first.spec.to_wire(), "runAttempt": 2, "resumeFrom": resume_from, **changes}
    run = Run(FineTuneJobSpec.model_validate(body), root / "scratch", run_id="r2-u")
    run.results = {step: result for step, result in first.results.items() if step != "train-sft"}
    return run


def test_a_new_run_goes_on_from_a_checkpoint_of_the_one_before(model: Path, data: Path, tmp_path: Path) -> None:
    first = start(model, data, tmp_path / "first")
    first.until("train-sft")
    (manifest,) = (tmp_path / "first" / "out").rglob("checkpoint-4/manifest.json")
    run = second_run(first, f"file://{manifest.parent}", tmp_path)
    result = run.attempt("train-sft")
    assert result.failure is None
    assert losses(run, "train-sft") == losses(first, "train-sft")
    assert result.digest == first.results["train-sft"].digest
    assert (result.manifest_uri or "").endswith("/r2-u/train-sft/manifest.json")
    written = {path.parent.name for path in (tmp_path / "first" / "out" / "t" / "tiny" / "r2-u").rglob("optimizer.pt")}
    assert written == set(), "steps 5 and 6 are all that was left to do"


RESUMES_REFUSED = [
    pytest.param("checkpoint-4", {"seed": 7}, "was made with other settings: model, data, stage, tuning, seed and kind of device must be the same", id="another seed"),
    pytest.param("checkpoint-5", {}, "there is no checkpoint at file://", id="one that is not there"),
    pytest.param("checkpoint-2", {}, "is not whole: ", id="a torn one"),
    pytest.param("checkpoint-4", {"output": {"uri": "file:///elsewhere"}}, "is no checkpoint of this job", id="one of another place"),
]  # fmt: skip


@pytest.fixture(scope="module")
def first_run(model: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("first")
    run = start(model, data, root)
    run.until("train-sft")
    (torn,) = (root / "out").rglob("checkpoint-2/optimizer.pt")
    torn.write_bytes(b"")
    return run


@pytest.mark.parametrize(("name", "changes", "words"), RESUMES_REFUSED)
def test_a_checkpoint_that_cannot_be_resumed_from_is_refused_in_words(
    first_run: Run, tmp_path: Path, name: str, changes: dict[str, Any], words: str
) -> None:
    uri = f"{first_run.config('train-sft').run_uri}/train-sft/a1-trainsft/{name}"
    failure = second_run(first_run, uri, tmp_path, **changes).attempt("train-sft").failure
    assert failure is not None
    assert failure.failure_class is FailureClass.INVALID_SPEC
    assert failure.message.startswith("spec.resumeFrom: ")
    assert words in failure.message
    assert "leave spec.resumeFrom out" in failure.hint


def test_a_step_that_was_committed_is_reported_again_and_not_done_again(
    model: Path, data: Path, tmp_path: Path
) -> None:
    run = start(model, data, tmp_path)
    first = run.until("train-sft")
    again = run.attempt("train-sft")
    assert again.reused
    assert (again.digest, again.figures) == (first.digest, first.figures)


def test_the_first_preference_step_starts_from_the_sft_model(model: Path, data: Path, tmp_path: Path) -> None:
    run = start(model, data, tmp_path)
    run.until("train-dpo")
    first = json.loads(run.file("train-dpo", "history.json"))[0]
    assert first["rewards/margins"] == 0.0
    assert first["loss"] == pytest.approx(0.6931, abs=1e-4)


def test_the_published_adapter_loads_and_holds_no_reference_copy(model: Path, data: Path, tmp_path: Path) -> None:
    from peft import PeftModel
    from safetensors import safe_open
    from transformers import AutoModelForCausalLM

    run = start(model, data, tmp_path, quantization="NF4")
    published = run.until("publish")
    assert published.adapter is not None
    folder = Path(published.adapter.uri.removeprefix("file://"))
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "test/tiny"
    assert config["target_modules"] == sorted(config["target_modules"])
    with safe_open(folder / "adapter_model.safetensors", "pt") as tensors:
        assert [name for name in tensors.keys() if ".ref." in name or "ref" in name.split(".")] == []  # noqa: SIM118
    PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(model), folder)
    names = {path.name for path in folder.iterdir()}
    assert {
        "README.md",
        "provenance.json",
        "manifest.json",
        "evaluation.json",
        "reference.json",
        "tokenizer.json",
        "chat_template.jinja",
    } <= names


def test_evaluation_does_not_stop_quantised_training_from_learning(model: Path) -> None:
    """On CPUs with AVX512-BF16 bitsandbytes repacks weights in eval() for a kernel without gradients."""
    import torch
    from peft import LoraConfig, get_peft_model

    from tunewright_api.tuning import Quantization
    from tunewright_trainer.train.model import load_base

    torch.manual_seed(0)
    base = load_base(model, Quantization.NF4)
    tuned = get_peft_model(base, LoraConfig(r=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False))
    ids = torch.arange(3, 40)[None]

    def gradients() -> list[torch.Tensor]:
        tuned.train()
        tuned.zero_grad()
        tuned(input_ids=ids, labels=ids).loss.backward()
        return [
            parameter.grad.clone()
            for parameter in tuned.parameters()
            if parameter.requires_grad and parameter.grad is not None
        ]

    before = gradients()
    tuned.eval()
    with torch.no_grad():
        tuned(input_ids=ids)
    after = gradients()
    assert before
    assert any(gradient.abs().max() > 0 for gradient in before)
    assert all(torch.equal(first, second) for first, second in zip(before, after, strict=True))


@pytest.mark.parametrize("quantization", ["None", "NF4"])
def test_the_adapter_is_trained_in_float32(
    model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quantization: str
) -> None:
    """TRL casts it to bf16 on a quantised base, PEFT loads it back as float32: a resumed run would differ."""
    import torch

    from tunewright_trainer.train import recipe

    seen: list[set[torch.dtype]] = []
    plain = recipe.trainable_dtypes

    def noted(model: Any) -> set[torch.dtype]:
        seen.append(plain(model))
        return seen[-1]

    monkeypatch.setattr(recipe, "trainable_dtypes", noted)
    start(model, data, tmp_path, quantization=quantization).until("train-sft")
    assert seen == [{torch.float32}, {torch.float32}]


REFUSED = [
    pytest.param({"trainingArguments": {"optim": "no_such"}}, FailureClass.INVALID_SPEC, "stages[sft].trainingArguments: SFTConfig refuses them", id="a setting with a bad value"),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "failure_class", "words"), REFUSED)
def test_what_cannot_be_trained_is_refused_in_a_sentence(
    model: Path, data: Path, tmp_path: Path, stage: dict[str, Any], failure_class: FailureClass, words: str
) -> None:
    run = start(model, data, tmp_path, sft=stage)
    run.until("prepare")
    failure = run.attempt("train-sft").failure
    assert failure is not None
    assert failure.failure_class is failure_class
    assert words in failure.message


def test_rows_that_would_be_cut_are_refused_before_training(model: Path, data: Path, tmp_path: Path) -> None:
    run = start(model, data, tmp_path, sft={"hyperparameters": {"maxLength": 16}})
    failure = run.attempt("prepare").failure
    assert failure is not None
    assert failure.failure_class is FailureClass.INVALID_DATA
    assert "rows (50 %) are too long: the longest has 35 tokens, at most 16" in failure.message


def test_a_loss_that_is_no_number_ends_the_run(model: Path, data: Path, tmp_path: Path) -> None:
    run = start(
        model,
        data,
        tmp_path,
        sft={
            "hyperparameters": {"maxSteps": 6, "batchSize": 4, "learningRate": 1.0, "warmupSteps": 0},
            "trainingArguments": {"max_grad_norm": 0, "optim": "sgd", "optim_args": "momentum=0.0"},
        },
    )
    run.until("prepare")
    import torch

    from tunewright_trainer.train import material

    plain = material.load_base

    def poisoned(folder: Path, quantization: Any) -> Any:
        base = plain(folder, quantization)
        with torch.no_grad():
            base.model.layers[0].mlp.up_proj.weight[0, 0] = float("nan")
        return base

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(material, "load_base", poisoned)
        failure = run.attempt("train-sft").failure
    assert failure is not None
    assert failure.failure_class is FailureClass.DIVERGED
    assert "step 1" in failure.message


def test_a_pod_that_fails_leaves_its_last_lines_in_its_message(model: Path, data: Path, tmp_path: Path) -> None:
    config = start(model, data, tmp_path, sft={"dataset": {"uri": f"file://{data}/none.jsonl"}}).config("prepare")
    ended = trainer_process.run(config, tmp_path / "pod")
    assert ended.result.failure is not None
    lines = ended.result.log.splitlines()
    assert lines[0].endswith(" INFO Step started")
    assert lines[-1].endswith(" ERROR The step failed")
