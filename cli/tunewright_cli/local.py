"""What the commands share that look at a job's model and data from this machine, without a cluster."""

import argparse
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from tunewright_api.failures import FAILURES, exit_code
from tunewright_api.pricing import Pricing
from tunewright_api.sentences import sentences
from tunewright_cli.manifests import BadManifest

if TYPE_CHECKING:
    from tunewright_api.data_report import DataReport
    from tunewright_api.spec import FineTuneJobSpec
    from tunewright_trainer.shell.errors import StepError
    from tunewright_trainer.shell.storage import ObjectStore


FLAGS = {"pricing.gpu": "--gpu", "pricing.gpuHour": "--gpu-hour", "pricing.currency": "--currency"}


def pricing(arguments: argparse.Namespace) -> Pricing:
    """The GPU and the price of the command line. Raises BadManifest for those that cannot be."""
    given = {"gpu": arguments.gpu, "gpuHour": arguments.gpu_hour, "currency": arguments.currency}
    try:
        return Pricing.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        faults = [fault.partition(": ") for fault in sentences(Pricing, error, "pricing")]
        raise BadManifest([f"{FLAGS.get(field, '--gpu-hour')}: {said}" for field, _, said in faults]) from error


def open_store(spec: "FineTuneJobSpec", arguments: argparse.Namespace) -> "ObjectStore":
    """The storage of the job's model and data."""
    from tunewright_trainer.shell import storage

    return storage.open_store(spec.storage, Path(arguments.secrets) if arguments.secrets else None)


def look_at_data(spec: "FineTuneJobSpec", arguments: argparse.Namespace) -> "DataReport":
    """Run the data gate here, as the prepare step would."""
    from rich.console import Console

    from tunewright_trainer.prepare.inspection import inspect

    prices, store = pricing(arguments), open_store(spec, arguments)
    with (
        _quiet(),
        _workdir(arguments.scratch) as workdir,
        Console(stderr=True).status("Starting") as status,
        inspect(spec, store, workdir, lambda activity: status.update(activity), prices) as found,
    ):
        return found.report


@contextmanager
def _quiet() -> Iterator[None]:
    """The report is what is to be seen, not what libraries log."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TQDM_DISABLE", "1")
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def _workdir(scratch: str | None) -> Iterator[Path]:
    if scratch:
        Path(scratch).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tunewright-", dir=scratch) as folder:
        yield Path(folder)


def complain_of_step(error: "StepError") -> int:
    """Print what is wrong and what to do; returns the exit code of its class."""
    hint = error.hint or FAILURES[error.failure_class].hint
    sys.stderr.write(f"{error.failure_class}: {error}\n{hint}\n")
    return exit_code(error.failure_class)


def complain_of_missing(error: ImportError) -> int:
    """The base install has no libraries for data. A module of ours that is missing is a fault of ours."""
    if error.name is None or error.name.startswith("tunewright"):
        raise error
    sys.stderr.write(f"{error.name} is missing: this needs the trainer's libraries; install tunewright[trainer]\n")
    return 1
