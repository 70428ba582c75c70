"""Messages: {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}; OpenAI's files for supervised fine-tuning."""

from tunewright_api.datasets import DatasetFormat
from tunewright_trainer.prepare.formats.base import Converted, Format, Row
from tunewright_trainer.prepare.formats.conversation import conversation, plain, turns_to_learn
from tunewright_trainer.prepare.formats.tools import tools_of


def _convert(row: Row) -> Converted:
    where = row.name("messages")
    messages = conversation(row.get("messages"), where)
    return Converted(turns_to_learn(messages, where, tools_of(row)), plain(messages)[:-1])


# parallel_tool_calls is a setting of OpenAI's servers, and says nothing about the answer.
FORMAT = Format(DatasetFormat.MESSAGES, (("messages",),), ("tools", "parallel_tool_calls"), _convert)
