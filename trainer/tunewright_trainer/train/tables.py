"""Rows as TRL takes them: a table with the columns of the method, and no others."""

import random
from collections.abc import Sequence
from typing import Any

from datasets import Dataset

from tunewright_trainer.train.rows import Row


def table(rows: Sequence[Row], columns: Sequence[str]) -> Dataset | None:
    """The columns of these rows; None without rows."""
    return Dataset.from_list([{column: row[column] for column in columns} for row in rows]) if rows else None


def single_answers(rows: Sequence[Row]) -> list[Row]:
    """One answer a row, with its label: pairs are taken apart."""
    singles: list[Row] = []
    for row in rows:
        if "completion" in row:
            singles.append(row)
        else:
            singles += [
                {"prompt": row["prompt"], "completion": row[side], "label": side == "chosen"}
                for side in ("chosen", "rejected")
            ]
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
