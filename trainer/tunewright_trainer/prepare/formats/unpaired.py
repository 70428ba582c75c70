"""Unpaired: {"prompt": "…", "completion": "…", "label": true}, one answer a row with a verdict on it; what KTO learns from."""

from tunewright_api.datasets import DatasetFormat
from tunewright_trainer.prepare.formats.base import Converted, Format, Row
from tunewright_trainer.prepare.formats.conversation import answer_of, prompt_of
from tunewright_trainer.prepare.formats.tools import tools_of
from tunewright_trainer.prepare.records import BadRow, Example


def _convert(row: Row) -> Converted:
    prompt = prompt_of(row.get("prompt"), row.name("prompt"))
    completion = answer_of(row.get("completion"), row.name("completion"))
    label = row.get("label")
    # Tables have 0 and 1 where JSON has false and true.
    if label not in (0, 1) or isinstance(label, float):
        raise BadRow(f"column '{row.name('label')}' must be true or false")
    return Converted((Example(prompt, {"completion": completion}, {"label": bool(label), **tools_of(row)}),), prompt)


FORMAT = Format(DatasetFormat.UNPAIRED, (("prompt", "completion", "label"),), ("tools",), _convert)
