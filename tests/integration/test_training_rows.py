"""Rows of every kind, from the file to the scores: tools, tool calls, conversations of many turns and plain texts."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tiny_model
from tiny_model import WORDS, Run
from tunewright_trainer.shell import preemption
from tunewright_trainer.train import dpo, sft
from tunewright_trainer.train.recipe import Material
from tunewright_trainer.train.tokens import Row, encode

pytestmark = pytest.mark.filterwarnings("ignore")

TEMPLATE = (
    "{% if tools %}<|im_start|>system\n{{ tools | tojson }}<|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}"
    "{% for call in message.tool_calls or [] %}<{{ call.function.name }}{% for name in call.function.arguments %} {{ name }}{% endfor %}>{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_model.make_model(tmp_path_factory.mktemp("model"))
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return folder


@pytest.fixture(autouse=True)
def no_stop() -> Iterator[None]:
    preemption.clear()
    yield
    preemption.clear()


TOOLS = [{"type": "function", "function": {"name": "say"}}]


def called(word: str) -> dict[str, Any]:
    """A call whose arguments have other names in each row."""
    return {"role": "assistant", "content": "", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "say", "arguments": json.dumps({word: 1})}}]}  # fmt: skip


def asked(number: int) -> tuple[dict[str, Any], str]:
    return {"role": "user", "content": f"say {number} {WORDS[number % 12]}"}, WORDS[number % 12]


def tool_rows() -> Iterator[dict[str, Any]]:
    for number in range(40):
        question, word = asked(number)
        answered = {"role": "tool", "tool_call_id": "c", "content": word}
        yield {"messages": [question, called(word), answered, {"role": "assistant", "content": word}], "tools": TOOLS}


def turn_rows() -> Iterator[dict[str, Any]]:
    for number in range(40):
        question, word = asked(number)
        answer = {"role": "assistant", "content": word}
        yield {"messages": [question, {**answer, "weight": number % 2}, {"role": "user", "content": "again"}, answer]}


def text_rows() -> Iterator[dict[str, Any]]:
    for number in range(40):
        yield {"text": f"{number} {WORDS[number % 12]} {WORDS[number % 7]}"}


def preference_rows() -> Iterator[dict[str, Any]]:
    for number in range(40):
        question, word = asked(number)
        yield {"input": {"messages": [question], "tools": TOOLS}, "preferred_output": [called(word)], "non_preferred_output": [{"role": "assistant", "content": "no"}]}  # fmt: skip


def start(model: Path, root: Path, method: str, rows: Iterator[dict[str, Any]]) -> Run:
    (root / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    numbers = {"maxSteps": 2, "batchSize": 2, "microBatchSize": 2, "checkpointSteps": 2}
    stage = {"name": "s", "method": method, "dataset": {"uri": f"file://{root}/rows.jsonl"}, "hyperparameters": numbers}
    return Run(tiny_model.spec(model, root, root / "out", stages=[stage]), root / "scratch")


def prepared(run: Run) -> list[Row]:
    lines = run.file("prepare", "stages/s/train.jsonl").splitlines()
    return [json.loads(line) for line in lines]


KINDS = [
    pytest.param("SFT", tool_rows, {"loss", "rougeL"}, id="tools and their calls"),
    pytest.param("SFT", turn_rows, {"loss", "rougeL"}, id="turns with and without weight"),
    pytest.param("SFT", text_rows, {"loss"}, id="plain texts, by their loss alone"),
    pytest.param("DPO", preference_rows, {"loss", "rougeL", "preferenceAccuracy"}, id="preferences about tool calls"),
]


@pytest.mark.parametrize(("method", "rows", "metrics"), KINDS)
def test_rows_of_every_kind_are_trained_on_and_scored(
    model: Path, tmp_path: Path, method: str, rows: Any, metrics: set[str]
) -> None:
    run = start(model, tmp_path, method, rows())
    evaluated = run.until("evaluate").evaluation
    assert evaluated is not None
    assert {str(metric.name) for metric in evaluated.metrics} == metrics
    assert all(metric.rows > 0 for metric in evaluated.metrics)
    assert run.results["train-s"].figures["steps"] == 2


def material(run: Run, model: Path, tmp_path: Path) -> Material:
    from tunewright_trainer.train.adapters import trained_model
    from tunewright_trainer.train.hyperparameters import Data, resolve
    from tunewright_trainer.train.model import load_base
    from tunewright_trainer.train.tokenizer import load_tokenizer

    stage, rows = run.spec.stages[0], prepared(run)
    settings, _ = resolve(stage, run.spec.tuning, Data(len(rows), 200, 256))
    adapted = trained_model(load_base(model, run.spec.tuning.quantization), run.spec.tuning, settings, None)
    return Material(
        stage, run.spec.tuning, settings, 0, adapted, load_tokenizer(model), rows, [], tmp_path / "x", False
    )


def test_what_sft_is_given_is_what_trl_would_have_made_of_the_rows(model: Path, tmp_path: Path) -> None:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    run = start(model, tmp_path, "SFT", turn_rows())
    run.until("prepare")
    ours = material(run, model, tmp_path)
    theirs = SFTTrainer(
        model=material(run, model, tmp_path).model,
        args=SFTConfig(output_dir=str(tmp_path / "y"), max_length=None, use_cpu=True, report_to="none"),
        train_dataset=Dataset.from_list(
            [{name: row[name] for name in ("prompt", "completion")} for row in ours.train_rows]
        ),
        processing_class=ours.tokenizer,
    )
    assert sft.make_trainer(ours).train_dataset[:] == theirs.train_dataset.select_columns(["input_ids", "labels"])[:]


def test_dpo_learns_from_each_call_with_its_own_arguments(model: Path, tmp_path: Path) -> None:
    """Arrow would give each call the arguments of all others."""
    run = start(model, tmp_path, "DPO", preference_rows())
    run.until("prepare")
    ours = material(run, model, tmp_path)
    for made, row in zip(dpo.make_trainer(ours).train_dataset, ours.train_rows, strict=True):
        for answer in ("chosen", "rejected"):
            whole = encode(row, answer, ours.tokenizer)
            assert made["prompt_ids"] + made[f"{answer}_ids"] == whole.ids
            assert len(made["prompt_ids"]) == whole.start


def test_a_text_is_learned_whole_and_that_it_ends(model: Path, tmp_path: Path) -> None:
    run = start(model, tmp_path, "SFT", text_rows())
    run.until("prepare")
    ours = material(run, model, tmp_path)
    for made, row in zip(sft.make_trainer(ours).train_dataset, ours.train_rows, strict=True):
        assert made["labels"] == made["input_ids"]
        assert ours.tokenizer.decode(made["input_ids"]) == row["text"][0]["content"] + "<|im_end|>"
