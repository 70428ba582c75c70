"""PromptCompletion: {"prompt": "…", "completion": "…"}, each a text or messages."""

from tunewright_api.datasets import DatasetFormat
from tunewright_trainer.prepare.formats.base import Converted, Format, Row
from tunewright_trainer.prepare.formats.conversation import answer_of, prompt_of
from tunewright_trainer.prepare.formats.tools import tools_of
from tunewright_trainer.prepare.records import Example


def _convert(row: Row) -> Converted:
    prompt = prompt_of(row.get("prompt"), row.name("prompt"))
    completion = answer_of(row.get("completion"), row.name("completion"))
    return Converted((Example(prompt, {"completion": completion}, tools_of(row)),), prompt)


FORMAT = Format(DatasetFormat.PROMPT_COMPLETION, (("prompt", "completion"),), ("tools",), _convert)
