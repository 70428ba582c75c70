"""Rows as TRL takes them: a table with the columns of the method, and no others."""

import random
from collections.abc import Sequence
from typing import Any

from datasets import Dataset, Features, Json, Value

from tunewright_trainer.train.tokens import Row, encode, learned_answer

PLAIN = {"label": "bool", "answer": "string", "privileged_context": "string"}
"""Columns that are no messages, with their types."""
TOOLS = "tools"


def table(rows: Sequence[Row], columns: Sequence[str]) -> Dataset | None:
    """The columns of these rows, and their tools where there are any; None without rows."""
    if not rows:
        return None
    taken = [*columns, *([TOOLS] if any(row.get(TOOLS) for row in rows) else [])]
    # As JSON: Arrow would give each message and each call all the keys of all others, and templates would render them.
    features = Features({column: Value(PLAIN[column]) if column in PLAIN else Json() for column in taken})
    return Dataset.from_list([{column: row.get(column) for column in taken} for row in rows], features=features)


def tokens(rows: Sequence[Row], tokenizer: Any) -> Dataset | None:
    """Supervised rows as tokens, with a mask of what is learned; None without rows."""
    encoded = [encode(row, learned_answer(row), tokenizer) for row in rows]
    return (
        Dataset.from_list([{"input_ids": each.ids, "completion_mask": each.mask} for each in encoded]) if rows else None
    )


def single_answers(rows: Sequence[Row]) -> list[Row]:
    """One answer a row, with its label: pairs are taken apart."""
    singles: list[Row] = []
    for row in rows:
        if "completion" in row:
            singles.append(row)
        else:
            singles += [{**row, "completion": row[side], "label": side == "chosen"} for side in ("chosen", "rejected")]
    return singles


def mixed(rows: Sequence[Row], batch: int, seed: int) -> list[Row]:
    """Rows in a random order, and a last batch of one filled up: for a method that compares the rows of a batch and does not shuffle."""
    order = list(rows)
    random.Random(seed).shuffle(order)
    return [*order, order[0]] if order and len(order) % batch == 1 else order


def questions(rows: Sequence[Row]) -> list[Row]:
    """Each prompt with its reference answer as a text; empty where there is none."""
    return [{"prompt": row["prompt"], "answer": reference(row)} for row in rows]


def reference(row: Row) -> str:
    """The right answer that a row names."""
    if "answer" in row:
        return str(row["answer"])
    messages: list[dict[str, Any]] = row.get("completion") or row.get("chosen") or []
    return "\n".join(str(message.get("content") or "") for message in messages)
