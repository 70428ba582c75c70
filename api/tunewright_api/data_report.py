"""report.json: what the data gate has seen and found. No text of a row stands in it, unless masked."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from tunewright_api.base import Digest, ObservedModel, ShortText, Text
from tunewright_api.data import ActionOrFix, CheckName
from tunewright_api.fit import FitEstimate

REPORT_FILE = "report.json"
PAGE_FILE = "report.html"
MOST_EXAMPLES = 20


class Verdict(StrEnum):
    """How a check ended."""

    PASSED = "Passed"
    WARNED = "Warned"
    FIXED = "Fixed"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    """It had nothing to look at; `message` says what it would need."""


class Example(ObservedModel):
    """One row that a check has found."""

    place: ShortText
    """Object and line: train.jsonl:12."""
    field: ShortText = ""
    """Where in the row, say messages[1].content."""
    note: Text = ""
    """What is the matter; found texts are masked."""


class Finding(ObservedModel):
    """What one check has found in all stages together."""

    check: CheckName
    action: ActionOrFix
    verdict: Verdict
    rows: int = 0
    """Rows found."""
    share: float = 0.0
    """Of all rows looked at."""
    message: Text
    """The sentence that matters."""
    advice: Text = ""
    """What to do about it."""
    kinds: Annotated[dict[ShortText, int], Field(max_length=64)] = {}
    """Rows by kind of finding."""
    examples: Annotated[list[Example], Field(max_length=MOST_EXAMPLES)] = []
    measures: Annotated[dict[ShortText, float], Field(max_length=64)] = {}
    """Further figures."""


class SourceObject(ObservedModel):
    """Provenance of one object that rows were read from."""

    stage: ShortText
    uri: Text
    version_id: ShortText = ""
    etag: ShortText = ""
    size: int
    sha256: ShortText
    rows: int = 0
    """Rows in it, kept or not."""
    refused: int = 0
    """Rows that cannot be read or used."""
    held_out: bool = False
    """Rows of `dataset.evalUri`."""


class Histogram(ObservedModel):
    """Counts of one measure of the rows."""

    name: ShortText
    unit: ShortText
    edges: Annotated[list[float], Field(max_length=101)]
    """Ascending; bin i is [edges[i], edges[i + 1])."""
    counts: Annotated[list[int], Field(max_length=100)]
    quantiles: dict[ShortText, float] = {}
    """min, p50, p90, p99, max."""


class StageReport(ObservedModel):
    """The rows of one stage."""

    name: ShortText
    method: ShortText
    format: ShortText = ""
    format_reason: Text = ""
    """Why the rows were taken to be of this format."""
    rows: int = 0
    """Rows kept."""
    refused: int = 0
    left_out: int = 0
    """Rows that a Fix has left out."""
    train: int = 0
    validation: int = 0
    test: int = 0
    tokens: int = 0
    """Tokens of the training rows, prompt and answer, under the model's chat template."""
    histograms: Annotated[list[Histogram], Field(max_length=16)] = []
    categories: Annotated[dict[ShortText, int], Field(max_length=64)] = {}
    """Rows by kind, where `columns.category` names one."""


class DataReport(ObservedModel):
    """The whole report."""

    schema_version: int = 1
    message: Text
    """The sentence that matters most."""
    passed: bool
    model_type: ShortText = ""
    digest: Digest | None = None
    """Of the prepared rows; absent when the gate refused them."""
    objects: list[SourceObject] = []
    stages: list[StageReport] = []
    findings: list[Finding] = []
    fit: FitEstimate | None = None
