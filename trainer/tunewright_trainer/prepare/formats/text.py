"""Text: {"text": "…"}. The whole text is learned, as it stands and without a chat template, and that it ends there."""

from tunewright_api.datasets import DatasetFormat
from tunewright_trainer.prepare.formats.base import Converted, Format, Row
from tunewright_trainer.prepare.records import Example


def _convert(row: Row) -> Converted:
    text = row.text("text")
    # There is no prompt: the split goes by the text itself.
    return Converted(
        (Example([], {"text": [{"role": "assistant", "content": text}]}, {}),), [{"role": "user", "content": text}]
    )


FORMAT = Format(DatasetFormat.TEXT, (("text",),), (), _convert)
