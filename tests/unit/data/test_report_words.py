"""The report in few words: in status, and in the terminal."""

import io

import pytest
from rich.console import Console

from builders import DIGEST, data_report, finding, fit_estimate, stage_report
from tunewright_api.data import CheckName
from tunewright_api.data_report import DataReport, Example, SourceObject, Verdict
from tunewright_api.fit import FitEstimate
from tunewright_api.status import DatasetFinding, DatasetStatus
from tunewright_cli.data_report import show
from tunewright_trainer.prepare.summary import cut, dataset_status, fit_line


def test_status_tells_totals_and_what_is_worth_knowing_the_gravest_first() -> None:
    findings = [
        finding(CheckName.BALANCE, Verdict.PASSED),
        finding(CheckName.DUPLICATES, Verdict.FIXED, rows=7, message="Seven stood twice."),
        finding(CheckName.PERSONAL_DATA, Verdict.WARNED, rows=3, message="Three hold names."),
        finding(CheckName.SECRETS, Verdict.FAILED, rows=1, message="A key was found."),
        finding(CheckName.SYNTHETIC, Verdict.SKIPPED),
    ]
    report = data_report(stages=[stage_report(), stage_report("dpo")], findings=findings)
    assert dataset_status(report, "s3://out/report.json") == DatasetStatus(
        rows=854,
        train=680,
        validation=88,
        test=86,
        tokens=128_400,
        message=report.message,
        findings=[
            DatasetFinding(check="secrets", verdict="Failed", rows=1, message="A key was found."),
            DatasetFinding(check="personalData", verdict="Warned", rows=3, message="Three hold names."),
            DatasetFinding(check="duplicates", verdict="Fixed", rows=7, message="Seven stood twice."),
        ],
        fit="Fits one H100: 17.1 GiB of 79.6 GiB, 66 steps, about 7 min of training, 0.29 EUR.",
        digest=DIGEST,
        report_uri="s3://out/report.json",
    )


def test_status_has_room_for_twelve_findings_and_short_sentences() -> None:
    findings = [finding(check, Verdict.WARNED, message="word " * 200) for check in CheckName]
    told = dataset_status(data_report(findings=findings)).findings
    assert len(told) == 12
    assert all(len(item.message) <= 250 and item.message.endswith("word…") for item in told)
    assert cut("x" * 300, 250) == "x" * 249 + "…"


LINES = [
    pytest.param(fit_estimate(), "Fits one H100: 17.1 GiB of 79.6 GiB, 66 steps, about 7 min of training, 0.29 EUR.", id="fits"),
    pytest.param(fit_estimate(fits=False, cost=None), "Does not fit one H100: 17.1 GiB of 79.6 GiB, 66 steps, about 7 min of training.", id="does not fit"),
    pytest.param(fit_estimate(gpu_named=False, cost=None), "Fits one H100 (for example): 17.1 GiB of 79.6 GiB, 66 steps, about 7 min of training.", id="nobody has named the GPU"),
    pytest.param(fit_estimate(cost=None, evaluation_fits=False, evaluation_memory_bytes=90 * 2**30), "Fits one H100: 17.1 GiB of 79.6 GiB, 66 steps, about 7 min of training; its evaluation in bf16 needs 90.0 GiB and does not fit.", id="the evaluation does not fit"),
    pytest.param(fit_estimate(gpu="", memory_bytes=None), "Needs 17.1 GiB of main memory on the CPU, 66 steps.", id="a CPU"),
    pytest.param(fit_estimate(gpu="", memory_bytes=8 * 2**30, fits=False), "Does not fit into the pod: 17.1 GiB of 8.0 GiB, 66 steps on the CPU.", id="a CPU and a limit"),
]  # fmt: skip


@pytest.mark.parametrize(("fit", "line"), LINES)
def test_an_estimate_in_a_line(fit: FitEstimate, line: str) -> None:
    assert fit_line(fit) == line


def shown(report: DataReport, width: int = 160) -> str:
    output = io.StringIO()
    show(Console(file=output, width=width, highlight=False, color_system=None), report)
    return output.getvalue()


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize(("held_out", "mark"), [(False, ""), (True, " (evaluation set)")])
def test_the_terminal_shows_objects_in_full(width: int, held_out: bool, mark: str) -> None:
    """On a line of their own: what a narrow table cuts off is what tells two objects apart."""
    uri = f"s3://datasets/{'a-folder-with-a-long-name/' * 4}rows.jsonl"
    item = SourceObject(stage="sft", uri=uri, size=2048, sha256="0123456789abcdef" * 4, rows=1200, held_out=held_out)
    lines = [line.strip() for line in shown(data_report(objects=[item]), width).splitlines()]
    at = lines.index(uri + mark)
    assert " ".join(lines[at + 1 :]).startswith("1,200 rows, 0 refused, 2.0 KiB, sha256 0123456789abcdef ")


def test_the_terminal_shows_what_the_page_shows_in_its_order() -> None:
    examples = [Example(place=f"a.jsonl:{line}", field="prompt[0]", note="A… (20 characters)") for line in range(5)]
    findings = [
        finding(CheckName.BALANCE, Verdict.PASSED, message="All is balanced."),
        finding(CheckName.SECRETS, Verdict.FAILED, rows=5, message="5 keys were found.", advice="Revoke them.", examples=examples),
    ]  # fmt: skip
    said = shown(data_report(message="The sentence that matters.", passed=False, findings=findings))
    order = [
        "Refused  The sentence that matters.", "Failed  Secrets  5 rows", "5 keys were found.", "Revoke them.",
        "a.jsonl:0  prompt[0]  A… (20 characters)", "and 2 more", "sft  SFT, Messages", "340 to train on, 44 validation, 43 test",
        "▁", "Fits one H100", "s3://data/sft.jsonl", "Passed  Balance  All is balanced.",
    ]  # fmt: skip
    places = [said.index(sentence) for sentence in order]
    assert places == sorted(places)


def test_texts_of_the_report_are_no_markup_and_move_no_cursor() -> None:
    hostile = "[bold red]x[/] [link=http://evil]y[/link] \x1b[2J\u202e"
    said = shown(
        data_report(
            message=hostile, findings=[finding(message=hostile, advice=hostile)], stages=[stage_report(hostile)]
        )
    )
    assert "[bold red]x[/] [link=http://evil]y[/link] ⟨U+001B⟩[2J⟨U+202E⟩" in said
    assert "\x1b" not in said
