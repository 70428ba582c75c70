"""The report in few words: what status, terminal and page's head have room for. Pure."""

from collections.abc import Sequence

from tunewright_api.data_report import DataReport, Finding, Verdict
from tunewright_api.fit import FitEstimate
from tunewright_api.status import DatasetFinding, DatasetStatus
from tunewright_trainer.prepare.readable import counted, duration, sentence, size
from tunewright_trainer.prepare.verdicts import by_gravity

MOST_FINDINGS = 12
LONGEST_MESSAGE = 250
TOLD = (Verdict.FAILED, Verdict.WARNED, Verdict.FIXED)


def dataset_status(report: DataReport, report_uri: str | None = None) -> DatasetStatus:
    """What status says about the data: the gravest findings, in the order of the report."""
    return DatasetStatus(
        rows=sum(stage.rows for stage in report.stages),
        train=sum(stage.train for stage in report.stages),
        validation=sum(stage.validation for stage in report.stages),
        test=sum(stage.test for stage in report.stages),
        tokens=sum(stage.tokens for stage in report.stages),
        message=sentence(report.message)[:1024],
        findings=_findings(report.findings),
        fit=cut(fit_line(report.fit), LONGEST_MESSAGE) if report.fit else "",
        digest=report.digest,
        report_uri=report_uri,
    )


def _findings(findings: Sequence[Finding]) -> list[DatasetFinding]:
    told = [finding for finding in by_gravity(findings) if finding.verdict in TOLD]
    return [
        DatasetFinding(
            check=finding.check,
            verdict=finding.verdict,
            rows=finding.rows,
            message=cut(sentence(finding.message), LONGEST_MESSAGE),
        )
        for finding in told[:MOST_FINDINGS]
    ]


def fit_line(fit: FitEstimate) -> str:
    """What the run will need, in a line."""
    steps = sum(stage.steps for stage in fit.stages)
    if not fit.gpu:
        if fit.memory_bytes is None:
            return f"Needs {size(fit.peak_bytes)} of main memory on the CPU, {counted(steps, 'step')}."
        verdict = "Fits" if fit.fits else "Does not fit"
        return f"{verdict} into the pod: {size(fit.peak_bytes)} of {size(fit.memory_bytes)}, {counted(steps, 'step')} on the CPU."
    verdict = "Fits one" if fit.fits else "Does not fit one"
    named = fit.gpu if fit.gpu_named else f"{fit.gpu} (for example)"
    time = f", about {duration(fit.seconds)} of training" if fit.seconds is not None else ""
    needs = f"; its evaluation in bf16 needs {size(fit.evaluation_memory_bytes)} and does not fit"
    evaluation = "" if fit.evaluation_fits else needs
    cost = f", {fit.cost:.2f} {fit.currency}" if fit.cost is not None else ""
    return f"{verdict} {named}: {size(fit.peak_bytes)} of {size(fit.memory_bytes or 0)}, {counted(steps, 'step')}{time}{cost}{evaluation}."


def cut(text: str, longest: int) -> str:
    """The text, cut at a word where it is too long."""
    if len(text) <= longest:
        return text
    kept = text[: longest - 1]
    return (kept.rpartition(" ")[0] or kept) + "…"
