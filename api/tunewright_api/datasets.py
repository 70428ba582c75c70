"""The rows of a stage: where they lie, in which shape, and under which names."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from tunewright_api.base import ApiModel, Number, Uri, cel


class DatasetFormat(StrEnum):
    """Shape of the rows. Auto recognises it from the rows."""

    AUTO = "Auto"
    MESSAGES = "Messages"
    PROMPT_COMPLETION = "PromptCompletion"
    INSTRUCTION = "Instruction"
    TEXT = "Text"
    SHARE_GPT = "ShareGPT"
    PREFERENCE = "Preference"
    UNPAIRED = "Unpaired"
    PROMPT_ONLY = "PromptOnly"


ColumnName = Annotated[str, Field(min_length=1, max_length=128)]


class Columns(ApiModel):
    """Names that the file uses for the columns of its format, where they differ from ours."""

    messages: ColumnName | None = None
    """The conversation: a list of {role, content}."""
    conversations: ColumnName | None = None
    """The conversation of ShareGPT rows: a list of {from, value}."""
    prompt: ColumnName | None = None
    """The question: a text, or a list of messages."""
    completion: ColumnName | None = None
    """The answer: a text, or a list of one assistant message."""
    instruction: ColumnName | None = None
    """The task of Instruction rows."""
    input: ColumnName | None = None
    """What the task is about, in Instruction rows."""
    output: ColumnName | None = None
    """The answer of Instruction rows."""
    text: ColumnName | None = None
    """The whole text of Text rows."""
    chosen: ColumnName | None = None
    """The better answer of Preference rows."""
    rejected: ColumnName | None = None
    """The worse answer of Preference rows."""
    label: ColumnName | None = None
    """True for a good answer, false for a bad one, in Unpaired rows."""
    answer: ColumnName | None = None
    """The reference answer of PromptOnly rows."""
    tools: ColumnName | None = None
    """The functions that the assistant may call: a list of JSON schemas."""
    category: ColumnName | None = None
    """Kind of the row, for the balance of the report: a short text."""
    synthetic: ColumnName | None = None
    """Marks rows that a model has written: true, or a text that is not empty."""


class Source(ApiModel):
    """One part of a mix."""

    uri: Uri
    """One object, or with a slash at its end all objects below that prefix."""
    weight: Annotated[Number, Field(gt=0, le=100)] | None = None
    """How often each row is taken: 0.25 takes a quarter of the rows, drawn by spec.split.seed; 3 takes each row three times. Held-out rows are taken once. Default: 1."""


class Dataset(ApiModel):
    """The rows of a stage."""

    model_config = {
        "json_schema_extra": cel(
            (
                "has(self.uri) != has(self.sources)",
                "needs either uri (one object or prefix) or sources (several), and not both",
            )
        )
    }

    uri: Uri | None = None
    """JSONL or Parquet, plain or compressed (.gz, .zst): one object, or with a slash at its end all objects below that prefix: s3://bucket/key.jsonl."""
    sources: Annotated[list[Source], Field(min_length=1, max_length=32)] | None = None
    """Several objects or prefixes, mixed: instead of `uri`."""
    eval_uri: Uri | None = None
    """Rows to test on, in the same format: an object or a prefix. Rows of the data set that stand there too are left out of training. Default: a share of the rows, see spec.split."""
    format: DatasetFormat = DatasetFormat.AUTO
    """Messages {messages}, PromptCompletion {prompt, completion}, Instruction {instruction, input, output}, Text {text}, ShareGPT {conversations}, Preference {prompt, chosen, rejected}, Unpaired {prompt, completion, label}, PromptOnly {prompt, answer}; files made for OpenAI's fine-tuning are understood too. Default: Auto."""
    columns: Columns | None = None
    """Names of the columns where they differ from the format's own."""

    @model_validator(mode="after")
    def _names_its_rows(self) -> Self:
        if (self.uri is None) == (self.sources is None):
            raise ValueError("needs either uri (one object or prefix) or sources (several), and not both")
        return self

    def all_sources(self) -> tuple[Source, ...]:
        """What to read, `uri` or `sources` alike."""
        return (Source(uri=self.uri),) if self.uri is not None else tuple(self.sources or ())

    @property
    def where(self) -> str:
        """What a sentence calls the data set."""
        uris = [source.uri for source in self.all_sources()]
        return uris[0] if len(uris) == 1 else f"{uris[0]} and {len(uris) - 1} more"
