"""The data report in the terminal: what the page shows, in the page's order. Texts of the report are printed as they are, never read as markup."""

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tunewright_api.data_report import DataReport, Finding, Histogram, StageReport, Verdict
from tunewright_api.fit import FitEstimate
from tunewright_trainer.prepare.few import few
from tunewright_trainer.prepare.readable import (
    CHECK_TITLES,
    count,
    counted,
    duration,
    evaluated,
    percent,
    sentence,
    size,
    visible,
)
from tunewright_trainer.prepare.summary import fit_line
from tunewright_trainer.prepare.verdicts import by_gravity

STYLES = {
    Verdict.FAILED: "bold red",
    Verdict.WARNED: "yellow",
    Verdict.FIXED: "blue",
    Verdict.PASSED: "green",
    Verdict.SKIPPED: "dim",
}
ATTENTION = (Verdict.FAILED, Verdict.WARNED, Verdict.FIXED)
MOST_EXAMPLES = 3
BLOCKS = " ▁▂▃▄▅▆▇█"


def show(console: Console, report: DataReport) -> None:
    """Print the whole report."""
    told = by_gravity(report.findings)
    word, style = ("Passed", "bold green") if report.passed else ("Refused", "bold red")
    console.print(Text.assemble("\n", (word, style), "  ", visible(sentence(report.message))))
    for finding in told:
        if finding.verdict in ATTENTION:
            _show_finding(console, finding)
    for stage in report.stages:
        _show_stage(console, stage)
    if report.fit is not None:
        show_fit(console, report.fit)
    _show_objects(console, report)
    _show_rest(console, told)


def _show_finding(console: Console, finding: Finding) -> None:
    share = f", {percent(finding.share)}" if finding.share else ""
    head = (f"{finding.verdict:<8}", STYLES[finding.verdict])
    console.print()
    console.print(
        Text.assemble(head, (CHECK_TITLES[finding.check], "bold"), f"  {counted(finding.rows, 'row')}{share}")
    )
    lines = [sentence(finding.message), *([sentence(finding.advice)] if finding.advice else [])]
    lines += [
        "  ".join(filter(None, (example.place, example.field, example.note)))
        for example in few(finding.examples, MOST_EXAMPLES, lambda example: example.note)
    ]
    more = len(finding.examples) - MOST_EXAMPLES
    lines += [f"and {more} more in the page (--report FILE)"] if more > 0 else []
    for line in lines:
        console.print(Padding(Text(visible(line)), (0, 0, 0, 8), expand=False))


def _show_stage(console: Console, stage: StageReport) -> None:
    console.print()
    what = f"  {stage.method}" + (f", {stage.format}: {stage.format_reason}" if stage.format else "")
    console.print(Text.assemble(("Stage   ", "dim"), (visible(stage.name), "bold"), visible(what)))
    gone = [f"{count(stage.refused)} refused"] if stage.refused else []
    gone += [f"{count(stage.left_out)} left out"] if stage.left_out else []
    parts = f"{count(stage.train)} to train on, {count(stage.validation)} validation, {count(stage.test)} test"
    _indented(console, "; ".join([parts, *gone, f"{count(stage.tokens)} tokens to train on"]))
    for found in stage.histograms:
        _indented(console, f"{found.name:<8} {_profile(found)}  {_quantiles(found)}")
    if stage.categories:
        most = list(stage.categories.items())[:8]
        more = f", {len(stage.categories) - 8} more" if len(stage.categories) > 8 else ""
        _indented(console, "Balance  " + ", ".join(f"{name} {count(number)}" for name, number in most) + more)


def _indented(console: Console, text: str) -> None:
    console.print(Padding(Text(visible(text)), (0, 0, 0, 8), expand=False))


def _profile(found: Histogram) -> str:
    """A histogram in a line of blocks."""
    highest = max([*found.counts, 1])
    return "".join(BLOCKS[-(-number * (len(BLOCKS) - 1) // highest)] for number in found.counts)


def _quantiles(found: Histogram) -> str:
    median, most = found.quantiles.get("p50", 0), found.quantiles.get("max", 0)
    return f"median {count(median)}, longest {count(most)} {found.unit}"


def show_fit(console: Console, fit: FitEstimate) -> None:
    """What the run will need, and what that rests on."""
    style = "bold green" if fit.fits and fit.evaluation_fits else "bold red"
    console.print()
    console.print(Text.assemble(("Needs   ", "dim"), (fit_line(fit), style)))
    if fit.advice:
        _indented(console, fit.advice)
    numbers = ("tokens in an epoch", "steps", "rows a step", "in memory", "longest row", "peak memory", "time")
    table = Table("stage", "method", box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in numbers:
        table.add_column(name, justify="right")
    for stage in fit.stages:
        time = duration(stage.seconds) if stage.seconds is not None else "not told"
        values = (stage.tokens_per_epoch, stage.steps, stage.batch_size, stage.micro_batch_size, stage.max_length)
        table.add_row(stage.name, stage.method, *(count(value) for value in values), size(stage.memory_bytes), time)
    console.print(Padding(table, (0, 0, 0, 8), expand=False))
    for assumption in fit.assumptions:
        console.print(Padding(Text(f"- {assumption}", style="dim"), (0, 0, 0, 8), expand=False))


def _show_objects(console: Console, report: DataReport) -> None:
    """A URI has a line of its own and is never cut or broken by us: people copy it."""
    if report.objects:
        console.print(Text("\nObjects", style="dim"))
    for item in report.objects:
        console.print(Text(f"        {evaluated(visible(item.uri), item.held_out)}"), soft_wrap=True)
        told = (counted(item.rows, "row"), f"{count(item.refused)} refused", size(item.size))
        _indented(console, f"  {', '.join(told)}, sha256 {item.sha256[:16]}")


def _show_rest(console: Console, told: Sequence[Finding]) -> None:
    console.print()
    for verdict in (Verdict.PASSED, Verdict.SKIPPED):
        for finding in (finding for finding in told if finding.verdict is verdict):
            head = (f"{verdict:<8}", STYLES[verdict])
            console.print(
                Text.assemble(head, CHECK_TITLES[finding.check], (f"  {visible(sentence(finding.message))}", "dim"))
            )
