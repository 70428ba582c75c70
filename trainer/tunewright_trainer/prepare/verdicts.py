"""What Ignore, Warn, Fail and Fix make of a check's conclusion. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from tunewright_api.data import ActionOrFix, CheckName
from tunewright_api.data_report import MOST_EXAMPLES, Example, Finding, Verdict
from tunewright_trainer.prepare.checks.base import Conclusion
from tunewright_trainer.prepare.few import few
from tunewright_trainer.prepare.masking import masked
from tunewright_trainer.prepare.readable import counted, end_of, one_or_many, sentence, share_of

NAMED_ROWS = 3
SHORT, NOTE = 250, 1000
"""Characters that the report has room for."""
GRAVITY = (Verdict.FAILED, Verdict.WARNED, Verdict.FIXED, Verdict.SKIPPED, Verdict.PASSED)
"""The order in which findings are told."""


def verdict_of(action: ActionOrFix, conclusion: Conclusion, *, mended: int) -> Verdict:
    """How the check ended. What a Fix cannot mend or leave out still has to be said."""
    if conclusion.skipped:
        return Verdict.SKIPPED
    if action is ActionOrFix.FIX and (mended or len(conclusion.leave_out)):
        return Verdict.FIXED
    if not conclusion.rows:
        return Verdict.PASSED
    return Verdict.FAILED if action is ActionOrFix.FAIL else Verdict.WARNED


def finding_of(
    check: CheckName,
    action: ActionOrFix,
    conclusion: Conclusion,
    rows: int,
    *,
    mended: Counter[str],
    place: Callable[[int], str],
) -> Finding:
    """A conclusion as the report tells it; `mended` counts the rows and places that its Fix has mended before, `place` names the row of a number."""
    found = conclusion.rows or mended["rows"]
    verdict = verdict_of(action, conclusion, mended=mended["rows"])
    return Finding(
        check=check,
        action=action,
        verdict=verdict,
        rows=found,
        share=round(found / rows, 6) if rows else 0.0,
        message=masked(_message(conclusion, action, rows, mended)),
        # Where all was mended or left out, there is nothing left to do.
        advice="" if verdict is Verdict.FIXED else conclusion.advice,
        kinds=_masked_kinds(conclusion.kinds),
        measures=conclusion.measures,
        examples=[
            Example(
                place=end_of(place(found.number)), field=masked(found.field)[:SHORT], note=masked(found.note)[:NOTE]
            )
            for found in conclusion.places[:MOST_EXAMPLES]
        ],
    )


def _masked_kinds(kinds: Mapping[str, int]) -> dict[str, int]:
    """Kinds that read alike once they are masked are counted together."""
    told: Counter[str] = Counter()
    for kind, count in kinds.items():
        told[masked(kind)[:SHORT]] += count
    return dict(told)


def _message(conclusion: Conclusion, action: ActionOrFix, rows: int, mended: Counter[str]) -> str:
    """The check has seen the mended rows only, and may have found nothing: what was mended is told first, and what is left out last."""
    gone = len(conclusion.leave_out) if action is ActionOrFix.FIX else 0
    if gone:
        said = conclusion.message
        end = "." if said.endswith(".") else ""
        return f"{said.removesuffix('.')}; {counted(gone, 'row')} {one_or_many(gone, 'is', 'are')} left out{end}"
    if not mended["rows"]:
        return conclusion.message
    told = f"{counted(mended['places'], 'place')} in {share_of(mended['rows'], rows)} {one_or_many(mended['places'], 'was', 'were')} mended"
    return f"{told}; {conclusion.message}" if conclusion.rows else f"{told}."


def by_gravity(findings: Iterable[Finding]) -> list[Finding]:
    """The gravest first; within a verdict in the order of the checks."""
    return sorted(findings, key=lambda finding: GRAVITY.index(finding.verdict))


def failures(findings: Sequence[Finding]) -> list[str]:
    """The sentences of the checks that refuse the data, with the first rows."""
    return [_sentence(finding) for finding in findings if finding.verdict is Verdict.FAILED]


def _sentence(finding: Finding) -> str:
    if not finding.examples:
        return finding.message
    named = few(finding.examples, NAMED_ROWS, _note)
    return f"{finding.message.rstrip('.')}: {'; '.join(map(_named, named))}"


def _note(example: Example) -> str:
    return example.note


def _named(example: Example) -> str:
    return ": ".join(filter(None, (f"{example.place} {example.field}".strip(), example.note)))


def message_of(findings: Sequence[Finding], refused: Sequence[str], rows: int) -> str:
    """The sentence that matters most; `rows` are those to train on."""
    if refused:
        return refused[0] if len(refused) == 1 else f"{refused[0]}; and {len(refused) - 1} more"
    told = [finding for finding in by_gravity(findings) if finding.verdict in (Verdict.WARNED, Verdict.FIXED)]
    if not told:
        return f"{rows} rows to train on, and no check has found anything."
    more = f" ({len(told) - 1} more in the report)" if len(told) > 1 else ""
    return f"{rows} rows to train on. {sentence(told[0].message)}{more}"
