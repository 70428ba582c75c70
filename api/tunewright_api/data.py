"""What the data gate looks for, and what it does about it."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from tunewright_api.base import ApiModel, Number


class Action(StrEnum):
    """What to do about rows that a check finds."""

    IGNORE = "Ignore"
    WARN = "Warn"
    FAIL = "Fail"


class FailOrFix(StrEnum):
    """What to do about rows that cannot be trained on as they are."""

    FAIL = "Fail"
    FIX = "Fix"


class ActionOrFix(StrEnum):
    """What to do about rows that a check finds, where there is a safe way to mend them."""

    IGNORE = "Ignore"
    WARN = "Warn"
    FAIL = "Fail"
    FIX = "Fix"


class CheckName(StrEnum):
    """What is looked for; the names of the fields of `Checks`."""

    STRUCTURE = "structure"
    LENGTH = "length"
    RENDERING = "rendering"
    OUTLIERS = "outliers"
    DUPLICATES = "duplicates"
    NEAR_DUPLICATES = "nearDuplicates"
    CONFLICTS = "conflicts"
    CONTAMINATION = "contamination"
    PERSONAL_DATA = "personalData"
    SECRETS = "secrets"
    HIDDEN_CHARACTERS = "hiddenCharacters"
    BALANCE = "balance"
    REFUSALS = "refusals"
    LANGUAGES = "languages"
    FORMATTING = "formatting"
    PREFERENCES = "preferences"
    FRESHNESS = "freshness"
    TRIGGERS = "triggers"
    REPEATED_ANSWERS = "repeatedAnswers"
    SYNTHETIC = "synthetic"


class Checks(ApiModel):
    """What to do about what each check finds: Ignore it, Warn in status and report, Fail the run before a GPU is asked for, or Fix the rows where that is safe."""

    structure: FailOrFix | None = None
    """Rows that cannot be read, or lack what their format has. Fix leaves them out. Default: Fail."""
    length: FailOrFix | None = None
    """Rows longer than maxLength or the model's context: they would be cut. Fix leaves them out. Default: Fail."""
    rendering: FailOrFix | None = None
    """Rows of which nothing would be learned, or whose end-of-turn token would not be, under the model's chat template. Fix leaves them out. Default: Fail."""
    outliers: Action | None = None
    """Rows far longer or shorter than the rest. Default: Warn."""
    duplicates: ActionOrFix | None = None
    """Rows that stand more than once, prompt and answer alike. Fix keeps the first. Default: Warn."""
    near_duplicates: ActionOrFix | None = None
    """Rows that differ in a few words only: cosine of their word 3-gram sets at least 0.95. Fix keeps the first of each group. Default: Warn."""
    conflicts: Action | None = None
    """The same prompt with different answers. Default: Warn."""
    contamination: ActionOrFix | None = None
    """Training rows that stand, exactly or nearly, among the held-out rows too. Fix leaves them out of training. Default: Fix."""
    personal_data: ActionOrFix | None = None
    """Email addresses, telephone, card, account and identity numbers, IP addresses. Fix puts the type in place of each, such as [EMAIL]. Default: Warn."""
    secrets: ActionOrFix | None = None
    """Cloud keys, tokens, private keys, passwords in addresses, strings as random as keys. Fix puts [SECRET] in place of each. Default: Fail."""
    hidden_characters: ActionOrFix | None = None
    """Characters that cannot be seen or pass for others: zero-width, bidirectional, tags, homoglyphs. Fix removes those that cannot be seen. Default: Warn."""
    balance: Action | None = None
    """Too few rows to learn from or to test on, in all or of a kind (`columns.category`). Default: Warn."""
    refusals: Action | None = None
    """The share of answers that refuse or only ask back. Default: Warn."""
    languages: Action | None = None
    """A mix of languages, and answers in another language than their prompt. Default: Warn."""
    formatting: Action | None = None
    """Answers that are not of one form: JSON that does not parse, Markdown beside plain text. Default: Warn."""
    preferences: Action | None = None
    """Preference pairs in which length alone tells the better answer, or that contradict each other. Default: Warn."""
    freshness: Action | None = None
    """Facts that change: dates, prices, versions. Retrieval serves them better than training. Default: Warn."""
    triggers: Action | None = None
    """Rare words tied to one outcome, as in poisoned data: 250 rows are enough to plant one. Default: Warn."""
    repeated_answers: Action | None = None
    """The same answer to unrelated prompts. Default: Warn."""
    synthetic: Action | None = None
    """More rows written by a model (`columns.synthetic`) than `data.synthetic.maxShare` allows. Default: Warn."""


DEFAULT_ACTIONS: dict[CheckName, ActionOrFix] = {
    **dict.fromkeys(CheckName, ActionOrFix.WARN),
    CheckName.STRUCTURE: ActionOrFix.FAIL,
    CheckName.LENGTH: ActionOrFix.FAIL,
    CheckName.RENDERING: ActionOrFix.FAIL,
    CheckName.SECRETS: ActionOrFix.FAIL,
    CheckName.CONTAMINATION: ActionOrFix.FIX,
}


class Synthetic(ApiModel):
    """Rows that a model has written, marked by `columns.synthetic`."""

    max_share: Annotated[Number, Field(ge=0, le=1)] | None = None
    """Largest share of a stage's rows. Default: 0.5."""
    sample_share: Annotated[Number, Field(ge=0, le=1)] | None = None
    """Share of them that is put aside, by seed, in synthetic-sample.jsonl for a person to score. Default: 0.05."""


class Data(ApiModel):
    """The data gate: no GPU is asked for until the rows have passed it."""

    checks: Checks = Checks()
    """What to do about what is found."""
    synthetic: Synthetic = Synthetic()
    """Rows that a model has written."""

    def action(self, check: CheckName) -> ActionOrFix:
        """What to do about what `check` finds."""
        field = next(name for name, info in Checks.model_fields.items() if (info.alias or name) == check)
        chosen = getattr(self.checks, field)
        return ActionOrFix(chosen) if chosen is not None else DEFAULT_ACTIONS[check]
