"""`tunewright validate -f FILE`: every fault, with its line; with --data also what the data gate has to say, without a cluster."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tunewright_api.failures import FailureClass, exit_code
from tunewright_cli.manifests import BadManifest, read, read_job

if TYPE_CHECKING:
    from tunewright_api.data_report import DataReport


def complain(error: BadManifest) -> int:
    """Print the faults; returns the exit code of an invalid spec."""
    for fault in error.faults:
        sys.stderr.write(f"{fault}\n")
    return exit_code(FailureClass.INVALID_SPEC)


def main(arguments: argparse.Namespace) -> int:
    """Check a file, and the data that it names if that is asked for."""
    try:
        if arguments.data or arguments.report:
            return _data(arguments)
        _refuse_what_needs_data(arguments)
        documents = read(arguments.filename)
    except BadManifest as error:
        return complain(error)
    for document in documents:
        print(f"{document.source}: {document.kind}/{document.name} is valid")
    return 0


def _refuse_what_needs_data(arguments: argparse.Namespace) -> None:
    names = ("secrets", "scratch", "gpu", "gpu_hour", "currency")
    given = [f"--{name.replace('_', '-')}" for name in names if getattr(arguments, name) is not None]
    if given:
        raise BadManifest([f"{given[0]} is about the data: add --data, or leave it out"])


def _data(arguments: argparse.Namespace) -> int:
    spec = read_job(arguments.filename).spec()
    from tunewright_cli import local

    try:
        from tunewright_trainer.shell.errors import StepError

        try:
            report = local.look_at_data(spec, arguments)
        except StepError as error:
            return local.complain_of_step(error)
        return _tell(report, arguments.report)
    except ImportError as error:
        return local.complain_of_missing(error)


def _tell(report: "DataReport", file: str | None) -> int:
    from rich.console import Console

    from tunewright_cli.data_report import show
    from tunewright_trainer.prepare.fit import refusal
    from tunewright_trainer.prepare.report_page import page

    show(Console(highlight=False), report)
    if file:
        try:
            Path(file).write_text(page(report), encoding="utf-8")
        except OSError as error:
            sys.stderr.write(f"{file}: {(error.strerror or str(error)).lower()}\n")
            return 1
        print(f"\nThe page is at {file}.")
    if not report.passed:
        return exit_code(FailureClass.INVALID_DATA)
    return exit_code(FailureClass.INVALID_SPEC) if report.fit and refusal(report.fit) else 0
