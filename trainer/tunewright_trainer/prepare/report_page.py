"""report.html: the report for people. One file that needs no network and no script, and can be printed."""

from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from tunewright_api.data_report import DataReport, Finding, StageReport, Verdict
from tunewright_trainer.prepare import charts, readable
from tunewright_trainer.prepare.summary import fit_line
from tunewright_trainer.prepare.verdicts import by_gravity

TEMPLATE = "report_page.html.jinja"
ATTENTION = (Verdict.FAILED, Verdict.WARNED, Verdict.FIXED)
FIRST_EXAMPLES = 5
"""Those that are shown at once; the others unfold."""
FIRST_KINDS = 12
LONGEST_NARROW_KIND = 40
"""Characters; a longer name of a kind gets the whole width."""


def page(report: DataReport) -> str:
    """The whole page. Every text of the report is escaped, and what cannot be seen in it is shown by its code."""
    told = by_gravity(report.findings)
    return _template().render(
        report=report,
        attention=[finding for finding in told if finding.verdict in ATTENTION],
        passed=[finding for finding in told if finding.verdict is Verdict.PASSED],
        skipped=[finding for finding in told if finding.verdict is Verdict.SKIPPED],
        headline=_headline(told),
        **_verdict(report),
        totals=_totals(report.stages),
        fit_line=fit_line(report.fit) if report.fit else "",
    )


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_shown, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        count=readable.count,
        brief=readable.brief,
        percent=readable.percent,
        size=readable.size,
        duration=readable.duration,
        figure=readable.figure,
        spelt=readable.spelt,
        sentence=readable.sentence,
        title_of=readable.CHECK_TITLES.__getitem__,
    )
    environment.globals.update(
        histogram=charts.histogram,
        split=charts.split,
        gauge=charts.gauge,
        share_bar=charts.share_bar,
        counted=readable.counted,
        first_examples=FIRST_EXAMPLES,
        first_kinds=FIRST_KINDS,
        longest_narrow_kind=LONGEST_NARROW_KIND,
    )
    return environment.from_string(resources.files(__package__).joinpath(TEMPLATE).read_text("utf-8"))


def _shown(value: Any) -> Any:
    """Of each expression of the template, before it is escaped. Markup is ours already."""
    return value if hasattr(value, "__html__") or not isinstance(value, str) else readable.visible(value)


def _verdict(report: DataReport) -> dict[str, str]:
    """Colour and word of the whole; the word alone is enough."""
    verdicts = {finding.verdict for finding in report.findings}
    if not report.passed:
        return {"tone": "failed", "word": "Refused: no GPU is asked for"}
    if Verdict.WARNED in verdicts:
        return {"tone": "warned", "word": "Passed, with warnings"}
    return {"tone": "passed", "word": "Passed; some rows were fixed" if Verdict.FIXED in verdicts else "Passed"}


def _headline(told: Sequence[Finding]) -> str:
    """How many checks ended how."""
    words = {
        Verdict.FAILED: "failed",
        Verdict.WARNED: "warned",
        Verdict.FIXED: "fixed",
        Verdict.PASSED: "passed",
        Verdict.SKIPPED: "skipped",
    }
    numbers = {verdict: sum(finding.verdict is verdict for finding in told) for verdict in words}
    said = [f"{number} {words[verdict]}" for verdict, number in numbers.items() if number]
    return f"{readable.counted(len(told), 'check')}: {', '.join(said)}" if told else "No check has run"


def _totals(stages: Sequence[StageReport]) -> dict[str, int]:
    """Over all stages."""
    names = ("rows", "train", "validation", "test", "tokens", "refused", "left_out")
    return {name: sum(int(getattr(stage, name)) for stage in stages) for name in names}
