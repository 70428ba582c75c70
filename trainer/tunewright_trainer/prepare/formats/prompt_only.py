"""PromptOnly: {"prompt": "…"}, with an "answer" where there is a right one; the model answers by itself, and may be held against it."""

from tunewright_api.datasets import DatasetFormat
from tunewright_trainer.prepare.formats.base import Converted, Format, Row
from tunewright_trainer.prepare.formats.conversation import prompt_of
from tunewright_trainer.prepare.formats.tools import tools_of
from tunewright_trainer.prepare.records import Example


def _convert(row: Row) -> Converted:
    prompt = prompt_of(row.get("prompt"), row.name("prompt"))
    answer = {"answer": row.text("answer")} if row.get("answer") is not None else {}
    return Converted((Example(prompt, {}, {**answer, **tools_of(row)}),), prompt)


FORMAT = Format(DatasetFormat.PROMPT_ONLY, (("prompt", "answer"),), ("tools",), _convert, bare=("prompt",))
