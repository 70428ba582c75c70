"""Names of `dataset.columns` that are in no row: which of them refuse the data, and what is said."""

from typing import Any

import pytest

from tunewright_api.datasets import DatasetFormat
from tunewright_api.stages import Stage
from tunewright_trainer.prepare.formats import Shape
from tunewright_trainer.prepare.named_columns import Absent, absent_columns

PC, MESSAGES = DatasetFormat.PROMPT_COMPLETION, DatasetFormat.MESSAGES
HAVE = "the rows have completion and prompt"
CORRECT = "correct the name, or leave it out"
CASES = [
    pytest.param(PC, {"prompt": "q", "category": "topic"}, {"q", "completion", "topic"}, [], id="all are in a row"),
    pytest.param(PC, {"category": "topic"}, {"prompt", "completion"}, [Absent(f"stage sft: dataset.columns.category names the column 'topic', which is in no row; {HAVE}: {CORRECT}", is_needed=False)], id="a category: for the report only"),
    pytest.param(PC, {"synthetic": "by"}, {"prompt", "completion"}, [Absent(f"stage sft: dataset.columns.synthetic names the column 'by', which is in no row; {HAVE}: {CORRECT}", is_needed=False)], id="a mark of synthetic rows: for the report only"),
    pytest.param(PC, {"tools": "functions"}, {"prompt", "completion"}, [Absent(f"stage sft: dataset.columns.tools names the column 'functions', which is in no row; {HAVE}: {CORRECT}", is_needed=True)], id="tools: answers would be learned without them"),
    pytest.param(DatasetFormat.INSTRUCTION, {"input": "ctx"}, {"instruction", "output"}, [Absent(f"stage sft: dataset.columns.input names the column 'ctx', which is in no row; the rows have instruction and output: {CORRECT}", is_needed=True)], id="what the task is about: it would be missing from every prompt"),
    pytest.param(MESSAGES, {"completion": "reply"}, {"messages"}, [Absent(f"stage sft: dataset.columns.completion names the column 'reply', which is in no row; the rows have messages: {CORRECT}", is_needed=False)], id="a column of another format: these rows say all without it"),
    pytest.param(PC, {"category": "a@mail.org"}, {"prompt", "completion"}, [Absent(f"stage sft: dataset.columns.category names the column '[EMAIL]', which is in no row; {HAVE}: {CORRECT}", is_needed=False)], id="a name that must not be told"),
    pytest.param(PC, None, {"prompt", "completion"}, [], id="no names"),
]  # fmt: skip


@pytest.mark.parametrize(("format_", "columns", "seen", "absent"), CASES)
def test_a_name_that_is_in_no_row_is_told(
    format_: DatasetFormat, columns: dict[str, str] | None, seen: set[str], absent: list[Absent]
) -> None:
    body: dict[str, Any] = {"name": "sft", "method": "SFT", "dataset": {"uri": "s3://d/rows.jsonl", "columns": columns}}
    stage = Stage.model_validate(body)
    assert absent_columns(stage, Shape(format_, stage.dataset.columns, stage.method), seen) == absent
