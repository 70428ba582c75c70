"""PromptOnly: {"prompt": "…", "answer": "…"}; the model answers by itself, and is held against the reference."""

from tunewright_api.datasets import DatasetFormat
from tunewright_trainer.prepare.formats.base import Converted, Format, Row
from tunewright_trainer.prepare.formats.conversation import prompt_of
from tunewright_trainer.prepare.formats.tools import tools_of
from tunewright_trainer.prepare.records import Example


def _convert(row: Row) -> Converted:
    prompt = prompt_of(row.get("prompt"), row.name("prompt"))
    return Converted((Example(prompt, {}, {"answer": row.text("answer"), **tools_of(row)}),), prompt)


FORMAT = Format(DatasetFormat.PROMPT_ONLY, (("prompt", "answer"),), ("tools",), _convert)
