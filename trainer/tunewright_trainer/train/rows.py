"""The prepared rows of a stage, and what can only be checked with the model's own tokenizer."""

import json
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from tunewright_trainer.shell.errors import InvalidData, ModelUnavailable
from tunewright_trainer.train.tokenizer import template_fault

Row = dict[str, Any]
ANSWERS = ("completion", "chosen", "rejected")


def read_part(folder: Path, stage: str, part: str) -> list[Row]:
    """Rows of one part, in order."""
    # Not splitlines(): texts may hold U+2028 and its like, which it takes for ends of lines.
    lines = (folder / "stages" / stage / f"{part}.jsonl").read_bytes().split(b"\n")
    return [json.loads(line) for line in lines if line]


def rendered_lengths(rows: list[Row], tokenizer: Any, *, answers: bool = True) -> list[int]:
    """Tokens of each row: prompt and longest answer together; without `answers` the prompt, up to where the assistant begins."""
    return [
        max(
            (len(_tokens(row["prompt"] + row[name], tokenizer)) for name in ANSWERS if answers and name in row),
            default=0,
        )
        or len(_tokens(row["prompt"], tokenizer, open_ended=True))
        for row in rows
    ]


def _tokens(messages: list[dict[str, str]], tokenizer: Any, *, open_ended: bool = False) -> list[int]:
    """Tokens of a conversation; with `open_ended`, up to where the assistant begins to answer."""
    try:
        rendered = tokenizer.apply_chat_template(
            messages, tokenize=True, add_generation_prompt=open_ended, return_dict=True
        )
    except TemplateError as error:
        raise template_fault(error) from error
    ids: list[int] = rendered["input_ids"]
    return ids


def check_lengths(rows: list[Row], lengths: list[int], limit: int, context: int) -> None:
    """Refuse rows that would have to be cut."""
    long = [(row["id"], length) for row, length in zip(rows, lengths, strict=True) if length > limit]
    if long:
        named = ", ".join(f"{name} ({length} tokens)" for name, length in long[:3])
        more = f" and {len(long) - 3} more" if len(long) > 3 else ""
        origin, remedy = (
            ("the model's context", "shorten or remove them")
            if limit >= context
            else ("hyperparameters.maxLength", f"shorten them, or set maxLength to at most {context}")
        )
        raise InvalidData(f"longer than {limit} tokens ({origin}): {named}{more}; rows are never cut: {remedy}")


def check_end_of_turn(rows: list[Row], tokenizer: Any) -> None:
    """The end-of-turn token must be among what is learned, or the tuned model never stops. (Its being the padding token too is fine.)"""
    row = rows[0]
    answer = next((name for name in ANSWERS if name in row), None)
    if answer is None:
        return
    prompt = _tokens(row["prompt"], tokenizer, open_ended=True)
    learned = _tokens(row["prompt"] + row[answer], tokenizer)[len(prompt) :]
    if tokenizer.eos_token_id not in learned:
        raise ModelUnavailable(
            f"the chat template of spec.model.uri does not end an answer with the end token {tokenizer.eos_token}: a model trained with it would never stop"
        )
