"""The checks of the data gate, one a file. None of them knows where rows come from or what is done about a finding.

Each module has `make(context) -> Check`; where a Fix changes texts also `mend(record) -> tuple[Record, int]`."""

from collections.abc import Iterable
from importlib import import_module
from types import ModuleType

from tunewright_api.data import ActionOrFix, CheckName
from tunewright_trainer.prepare.checks.base import Check, CheckContext, Mender

CHECKS: dict[CheckName, str] = {
    CheckName.LENGTH: "length",
    CheckName.RENDERING: "rendering",
    CheckName.OUTLIERS: "outliers",
    CheckName.DUPLICATES: "duplicates",
    CheckName.NEAR_DUPLICATES: "near_duplicates",
    CheckName.CONFLICTS: "conflicts",
    CheckName.CONTAMINATION: "contamination",
    CheckName.PERSONAL_DATA: "personal_data",
    CheckName.SECRETS: "secrets",
    CheckName.HIDDEN_CHARACTERS: "hidden_characters",
    CheckName.BALANCE: "balance",
    CheckName.REFUSALS: "refusals",
    CheckName.LANGUAGES: "languages",
    CheckName.FORMATTING: "formatting",
    CheckName.PREFERENCES: "preferences",
    CheckName.FRESHNESS: "freshness",
    CheckName.TRIGGERS: "triggers",
    CheckName.REPEATED_ANSWERS: "repeated_answers",
    CheckName.SYNTHETIC: "synthetic",
}
"""Module of each check, in the order of the report. `structure` is none: the intake counts problems itself."""


LEAVE_OUT_FIRST = (CheckName.LENGTH, CheckName.RENDERING, CheckName.CONTAMINATION)
"""Checks whose Fix leaves a training row out whatever other training rows there are."""


def in_order_of_conclusion(checks: Iterable[Check]) -> list[Check]:
    """Those first that leave rows out for themselves: a twin may only go for the sake of one that stays."""
    return sorted(checks, key=lambda check: check.name not in LEAVE_OUT_FIRST)


def make_check(name: CheckName, context: CheckContext) -> Check:
    """A new instance of a check."""
    check: Check = _module(name).make(context)
    return check


def mender(name: CheckName) -> Mender | None:
    """What the Fix of a check does to a record; None where it leaves rows out instead."""
    mend: Mender | None = getattr(_module(name), "mend", None)
    return mend


def make_checks(context: CheckContext) -> list[Check]:
    """New instances of all checks that are not ignored, in the order of the report."""
    wanted = [name for name in CheckName if context.spec.data.action(name) is not ActionOrFix.IGNORE]
    return [make_check(name, context) for name in wanted if name in CHECKS]


def make_menders(context: CheckContext) -> dict[CheckName, Mender]:
    """The menders of all checks whose action is Fix, in the order they have to work: what is hidden first, so that it hides nothing from the others."""
    order = sorted(CHECKS, key=lambda name: (name is not CheckName.HIDDEN_CHARACTERS, list(CheckName).index(name)))
    fixed = [name for name in order if context.spec.data.action(name) is ActionOrFix.FIX]
    return {name: mend for name in fixed if (mend := mender(name)) is not None}


def _module(name: CheckName) -> ModuleType:
    return import_module(f"{__name__}.{CHECKS[name]}")
