"""How rows are laid out for methods that TRL would lay out to their harm, and where a resume is exact."""

from types import SimpleNamespace
from typing import Any

import pytest

from tunewright_api.stages import Stage
from tunewright_trainer.rewards.factory import rewards_of
from tunewright_trainer.train.recipe import steps_between_boundaries
from tunewright_trainer.train.tables import mixed, reference, single_answers, table


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


PAIRS = [
    {"id": str(number), "prompt": said("p"), "chosen": said("good"), "rejected": said("bad")} for number in range(20)
]


def test_pairs_are_taken_apart_and_mixed() -> None:
    """TRL would make them all good answers, then all bad ones: batches of one label each."""
    singles = single_answers(PAIRS)
    rows = mixed(singles, batch=4, seed=7)
    labels = [row["label"] for row in rows]
    assert (labels.count(True), labels.count(False)) == (20, 20)
    assert all(row["completion"][0]["content"] == ("good" if row["label"] else "bad") for row in rows)
    batches = [set(labels[start : start + 4]) for start in range(0, 40, 4)]
    assert sum(len(batch) == 2 for batch in batches) > 5
    assert mixed(singles, batch=4, seed=7) == rows
    assert mixed(singles, batch=4, seed=8) != rows


@pytest.mark.parametrize(("rows", "batch", "length"), [
    pytest.param(9, 4, 10, id="a last batch of one is filled up"),
    pytest.param(10, 4, 10, id="a last batch of two is not"),
    pytest.param(0, 4, 0, id="no rows"),
])  # fmt: skip
def test_no_row_is_compared_with_itself(rows: int, batch: int, length: int) -> None:
    assert len(mixed(single_answers(PAIRS)[:rows], batch, seed=0)) == length


REFERENCES = [
    pytest.param({"answer": "7"}, "7", id="the answer of a prompt"),
    pytest.param({"completion": said("7")}, "7", id="the completion"),
    pytest.param({"chosen": said("7"), "rejected": said("8")}, "7", id="the better answer"),
    pytest.param({}, "", id="nothing"),
]


@pytest.mark.parametrize(("row", "text"), REFERENCES)
def test_what_an_answer_is_held_against(row: dict[str, Any], text: str) -> None:
    assert reference(row) == text


def test_a_table_has_the_columns_of_the_method_and_tools_where_there_are_any() -> None:
    row = {"id": "1", "prompt": said("p"), "answer": "7", "more": 1}
    plain, tooled = table([row], ("prompt", "answer")), table([row, {**row, "tools": [{"name": "f"}]}], ("prompt",))
    assert plain is not None
    assert tooled is not None
    assert plain[0] == {"prompt": said("p"), "answer": "7"}
    assert [each["tools"] for each in tooled] == [None, [{"name": "f"}]]
    assert table([], ("prompt",)) is None


BOUNDARIES = [
    pytest.param({"gradient_accumulation_steps": 4}, 1, id="a method that writes nothing"),
    pytest.param({"gradient_accumulation_steps": 4, "steps_per_generation": 4, "num_iterations": 1}, 1, id="new answers at every step"),
    pytest.param({"gradient_accumulation_steps": 4, "steps_per_generation": 4, "num_iterations": 3}, 3, id="answers that are used three times"),
    pytest.param({"gradient_accumulation_steps": 2, "steps_per_generation": 8, "num_iterations": 1}, 4, id="answers for four steps"),
    pytest.param({"gradient_accumulation_steps": 4, "steps_per_generation": 2, "num_iterations": 1}, 1, id="new answers twice a step"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "steps"), BOUNDARIES)
def test_steps_from_new_answers_to_new_answers(arguments: dict[str, int], steps: int) -> None:
    assert steps_between_boundaries(SimpleNamespace(**arguments)) == steps


def test_rewards_of_one_kind_have_names_of_their_own() -> None:
    rule = {"builtin": "RegularExpression", "pattern": "a"}
    stage = Stage.model_validate(
        {
            "name": "rl",
            "method": "GRPO",
            "dataset": {"uri": "s3://d/r"},
            "rewards": [rule, {"stage": "rm"}, {**rule, "weight": 2}],
        }
    )
    found = rewards_of(stage, {"rm": lambda answers: [0.5 for _ in answers]})
    assert [(name, weight) for name, weight, _ in found] == [
        ("RegularExpression", 1.0),
        ("rm", 1.0),
        ("RegularExpression-2", 2.0),
    ]
