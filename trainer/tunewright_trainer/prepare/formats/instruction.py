"""Instruction: {"instruction": "…", "input": "…", "output": "…"}, as Alpaca's files have it."""

from tunewright_api.datasets import DatasetFormat
from tunewright_trainer.prepare.formats.base import Converted, Format, Row
from tunewright_trainer.prepare.formats.conversation import answer_of
from tunewright_trainer.prepare.records import BadRow, Example, Message


def _convert(row: Row) -> Converted:
    extra = row.get("input")
    if extra is not None and not isinstance(extra, str):
        raise BadRow(f"column '{row.name('input')}' must be a text")
    question = row.text("instruction") + (f"\n\n{extra}" if extra and extra.strip() else "")
    prompt: list[Message] = [{"role": "user", "content": question}]
    completion = answer_of(row.get("output"), row.name("output"))
    return Converted((Example(prompt, {"completion": completion}, {}),), prompt)


FORMAT = Format(DatasetFormat.INSTRUCTION, (("instruction", "output"),), ("input",), _convert)
