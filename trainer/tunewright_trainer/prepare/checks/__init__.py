"""The checks of the data gate, one a file. None of them knows where rows come from or what is done about a finding.

Each module has `make(context) -> Check`; where a Fix changes texts also `mend(record) -> tuple[Record, int]`."""

from importlib import import_module

from tunewright_api.data import CheckName
from tunewright_trainer.prepare.checks.base import Check, CheckContext, Mender

_HERE = __name__

CHECKS: dict[CheckName, str] = {
    CheckName.DUPLICATES: "duplicates",
    CheckName.NEAR_DUPLICATES: "near_duplicates",
    CheckName.CONFLICTS: "conflicts",
    CheckName.CONTAMINATION: "contamination",
    CheckName.BALANCE: "balance",
    CheckName.PREFERENCES: "preferences",
    CheckName.TRIGGERS: "triggers",
    CheckName.REPEATED_ANSWERS: "repeated_answers",
}
"""Module of each check, in the order of the report. `structure` is none: the engine counts problems itself."""


def make_check(name: CheckName, context: CheckContext) -> Check:
    """A new instance of a check."""
    check: Check = import_module(f"{_HERE}.{CHECKS[name]}").make(context)
    return check


def mender(name: CheckName) -> Mender | None:
    """What the Fix of a check does to a record; None where it leaves rows out instead."""
    mend: Mender | None = getattr(import_module(f"{_HERE}.{CHECKS[name]}"), "mend", None)
    return mend
