"""The prepared rows of a stage, and what can only be checked with the model's own tokenizer."""

import json
from pathlib import Path
from typing import Any

from tunewright_trainer.shell.errors import InvalidData, ModelUnavailable
from tunewright_trainer.train.tokens import ANSWERS, Row, encode, rendered


def read_part(folder: Path, stage: str, part: str) -> list[Row]:
    """Rows of one part, in order."""
    # Not splitlines(): texts may hold U+2028 and its like, which it takes for ends of lines.
    lines = (folder / "stages" / stage / f"{part}.jsonl").read_bytes().split(b"\n")
    return [json.loads(line) for line in lines if line]


def rendered_lengths(rows: list[Row], tokenizer: Any, *, answers: bool = True) -> list[int]:
    """Tokens of each row, prompt and longest answer together; without `answers`, or where there is none, of the prompt up to where the assistant begins."""
    return [_length(row, [name for name in ANSWERS if answers and name in row], tokenizer) for row in rows]


def _length(row: Row, answers: list[str], tokenizer: Any) -> int:
    if answers:
        return max(len(encode(row, name, tokenizer).ids) for name in answers)
    return len(rendered(row["prompt"], row.get("tools"), tokenizer, open_ended=True))


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
    encoded = encode(row, answer, tokenizer)
    learned = encoded.ids[encoded.start :]
    if tokenizer.eos_token_id not in learned:
        raise ModelUnavailable(
            f"the chat template of spec.model.uri does not end an answer with the end token {tokenizer.eos_token}: a model trained with it would never stop"
        )
