"""What prepare makes of rows: every line is kept or named."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tunewright_trainer.prepare.dataset import complaint, prepare_stage
from tunewright_trainer.prepare.rows import Problem, read_rows

from tunewright_api.spec import Split
from tunewright_api.stages import Stage
from tunewright_trainer.prepare.split import Part, part_of
from tunewright_trainer.shell.folders import canonical_json
from tunewright_trainer.train.rows import read_part

SPLIT = Split()


def stage(method: str = "SFT", shape: str = "Auto") -> Stage:
    return Stage.model_validate(
        {"name": "s", "method": method, "dataset": {"uri": "s3://d/rows.jsonl", "format": shape}}
    )


BAD_ROWS = [
    pytest.param(
        b'{"prompt": "a", ',
        "SFT",
        "rows.jsonl:1: not valid JSON at column 16 (Expecting property name enclosed in double quotes); each line must be one complete JSON object",
        id="cut JSON",
    ),
    pytest.param(b'["a"]', "SFT", "rows.jsonl:1: is a JSON array; each line must be one JSON object", id="an array"),
    pytest.param(b'{"prompt": "a", "prompt": "b"}', "SFT", "rows.jsonl:1: key 'prompt' stands twice", id="a key twice"),
    pytest.param(b'{"prompt": NaN}', "SFT", "rows.jsonl:1: NaN is not JSON; write null or a number", id="NaN"),
    pytest.param(
        b'{"prompt": "\xff"}', "SFT", "rows.jsonl:1: byte 13 is not UTF-8; save the file as UTF-8", id="Latin-1"
    ),
    pytest.param(
        b'{"prompt": "\\uD83d", "completion": "b"}',
        "SFT",
        "rows.jsonl:1: holds half of a surrogate pair (\\ud800 to \\udfff), which is no character; write the character itself",
        id="half of a surrogate pair",
    ),
    pytest.param(
        b'{"question": "a", "answer": "b"}',
        "SFT",
        "rows.jsonl:1: has the columns answer, question; method SFT reads {messages} or {prompt, completion} or {instruction, output}",
        id="columns of no format",
    ),
    pytest.param(
        b'{"prompt": "a", "chosen": "b", "rejected": "c"}',
        "SFT",
        "rows.jsonl:1: these are Preference rows; method SFT reads {messages} or {prompt, completion} or {instruction, output}",
        id="preference rows for SFT",
    ),
    pytest.param(
        b'{"prompt": "a", "chosen": "b", "rejected": "b"}',
        "DPO",
        "rows.jsonl:1: chosen and rejected are the same: nothing can be learned from the pair",
        id="a pair without a difference",
    ),
    pytest.param(
        b'{"prompt": "a", "completion": ""}', "SFT", "rows.jsonl:1: column 'completion' is empty", id="an empty answer"
    ),
    pytest.param(
        b'{"prompt": "a", "completion": 7}',
        "SFT",
        "rows.jsonl:1: column 'completion' must be a text",
        id="a number as answer",
    ),
    pytest.param(
        b'{"prompt": "a", "completion": "b", "note": "c"}',
        "SFT",
        "rows.jsonl:1: column 'note' is unknown; PromptCompletion rows have prompt, completion",
        id="a column too many",
    ),
    pytest.param(
        b'{"messages": [{"role": "user", "content": "a"}]}',
        "SFT",
        "rows.jsonl:1: messages: the last message must be the assistant's, for it is what is learned",
        id="nothing to learn",
    ),
    pytest.param(
        b'{"messages": [{"role": "bot", "content": "a"}]}',
        "SFT",
        "rows.jsonl:1: messages[0].role must be one of system, user, assistant",
        id="an unknown role",
    ),
    pytest.param(
        b'{"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}',
        "SFT",
        "rows.jsonl:1: messages: user and assistant must take turns, beginning with user",
        id="two users in a row",
    ),
]


def test_texts_keep_every_character_on_their_way_to_the_trainer(tmp_path: Path) -> None:
    """Also those that Python, but not JSON, takes for the end of a line; and whole surrogate pairs."""
    text = "a\u2028b\x85c\x1cd\N{GRINNING FACE}"
    line = json.dumps({"prompt": text, "completion": text}).encode()
    (row,) = [row for rows in prepare_stage(line, stage("SFT"), SPLIT).parts.values() for row in rows]
    folder = tmp_path / "stages" / "sft"
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_bytes(canonical_json(row.to_json()) * 2)
    assert [found["completion"][0]["content"] for found in read_part(tmp_path, "sft", "train")] == [text, text]


@pytest.mark.parametrize(("line", "method", "sentence"), BAD_ROWS)
def test_a_bad_row_is_named_by_file_line_and_reason(line: bytes, method: str, sentence: str) -> None:
    (problem,) = prepare_stage(line, stage(method), SPLIT).problems
    assert str(problem) == sentence


GOOD_ROWS: list[Any] = [
    pytest.param(
        b'{"instruction": "a", "input": "x", "output": "b"}',
        "SFT",
        [{"role": "user", "content": "a\n\nx"}],
        id="instruction with input",
    ),
    pytest.param(
        b'{"prompt": "a", "completion": "b"}', "SFT", [{"role": "user", "content": "a"}], id="prompt and completion"
    ),
    pytest.param(
        b'\xef\xbb\xbf{"prompt": "a", "completion": "b"}\r',
        "SFT",
        [{"role": "user", "content": "a"}],
        id="byte order mark and CRLF",
    ),
    pytest.param(
        b'{"prompt": "a", "chosen": "b", "rejected": "c"}', "DPO", [{"role": "user", "content": "a"}], id="a preference"
    ),
]


@pytest.mark.parametrize(("line", "method", "prompt"), GOOD_ROWS)
def test_a_good_row_has_one_canonical_form(line: bytes, method: str, prompt: list[dict[str, str]]) -> None:
    prepared = prepare_stage(line, stage(method), SPLIT)
    assert prepared.problems == []
    (row,) = [row for rows in prepared.parts.values() for row in rows]
    assert (row.id, row.prompt) == ("rows.jsonl:1", prompt)


def test_an_empty_file_is_said_to_be_empty() -> None:
    assert (
        complaint(prepare_stage(b"\n\n", stage(), SPLIT), "s3://d/rows.jsonl")
        == "stage s: s3://d/rows.jsonl has no rows"
    )


def test_the_first_three_bad_rows_are_named_and_all_are_counted() -> None:
    said = complaint(prepare_stage(b"x\n" * 5, stage(), SPLIT), "s3://d/rows.jsonl")
    assert said is not None
    assert said.startswith("stage s: 5 of 5 rows of s3://d/rows.jsonl cannot be used: rows.jsonl:1: not valid JSON")
    assert said.endswith("; and 2 more, all of them in report.json")


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader_and_no_line_is_lost(data: bytes) -> None:
    lines = [line for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]
    assert len(list(read_rows(data, "rows.jsonl"))) == len(lines)


def prompts(count: int) -> list[list[dict[str, str]]]:
    return [[{"role": "user", "content": f"question {number}"}] for number in range(count)]


def test_appending_rows_moves_no_row() -> None:
    before = [part_of(prompt, SPLIT) for prompt in prompts(200)]
    assert [part_of(prompt, SPLIT) for prompt in prompts(400)][:200] == before


def test_the_parts_have_about_their_shares() -> None:
    parts = [part_of(prompt, SPLIT) for prompt in prompts(5000)]
    assert 0.08 < parts.count(Part.TEST) / 5000 < 0.12
    assert 0.08 < parts.count(Part.VALIDATION) / 5000 < 0.12


def test_case_spacing_and_system_message_do_not_move_a_prompt() -> None:
    plain = [{"role": "user", "content": "What is it?"}]
    dressed = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "  what  IS it? "}]
    assert part_of(plain, SPLIT) is part_of(dressed, SPLIT)


def test_problems_never_quote_the_row() -> None:
    (problem,) = [item for item in read_rows(b'{"secret": "hunter2", ', "f") if isinstance(item, Problem)]
    assert "hunter2" not in str(problem)
