"""`tunewright estimate -f FILE --gpu NAME`: memory, time and cost of a run before anything is asked for."""

import argparse
import sys
from typing import TYPE_CHECKING

from tunewright_api.failures import FailureClass, exit_code
from tunewright_cli import local
from tunewright_cli.manifests import BadManifest, read_job
from tunewright_cli.validate import complain

if TYPE_CHECKING:
    from tunewright_api.fit import FitEstimate
    from tunewright_api.spec import FineTuneJobSpec


def main(arguments: argparse.Namespace) -> int:
    """Print the estimate; the exit code is that of OutOfMemory when the run does not fit."""
    try:
        spec = read_job(arguments.filename).spec()
        if not arguments.data and not (arguments.rows and arguments.tokens_per_row):
            raise BadManifest(["say how many rows there are: --rows and --tokens-per-row, or --data to count them"])
        return _print(spec, arguments)
    except BadManifest as error:
        return complain(error)
    except ImportError as error:
        return local.complain_of_missing(error)


def _print(spec: "FineTuneJobSpec", arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from tunewright_cli.data_report import show_fit
    from tunewright_trainer.prepare.model_shape import ShapeUnknown
    from tunewright_trainer.shell.errors import StepError

    try:
        fit = _counted(spec, arguments) if arguments.data else _assumed(spec, arguments)
    except StepError as error:
        return local.complain_of_step(error)
    except ShapeUnknown as error:
        sys.stderr.write(f"{spec.model.uri}: {error}\n")
        return exit_code(FailureClass.MODEL_UNAVAILABLE)
    if fit is None:
        sys.stderr.write(f"{spec.model.uri}: config.json does not say enough for an estimate\n")
        return exit_code(FailureClass.MODEL_UNAVAILABLE)
    show_fit(Console(highlight=False), fit)
    return 0 if fit.fits and fit.evaluation_fits else exit_code(FailureClass.OUT_OF_MEMORY)


def _counted(spec: "FineTuneJobSpec", arguments: argparse.Namespace) -> "FitEstimate | None":
    return local.look_at_data(spec, arguments).fit


def _assumed(spec: "FineTuneJobSpec", arguments: argparse.Namespace) -> "FitEstimate":
    """All stages have the rows that the command line says; the model is read up to its headers."""
    from tunewright_trainer.prepare.fit import estimate
    from tunewright_trainer.prepare.fit_plan import StageRows
    from tunewright_trainer.prepare.model_check import check_model, tensor_shapes
    from tunewright_trainer.prepare.model_shape import shape_of

    prices = local.pricing(arguments)
    store = local.open_store(spec, arguments)
    config = check_model(store, spec.model.uri)
    shape = shape_of(config, tensor_shapes(store, spec.model.uri))
    longest = arguments.longest or arguments.tokens_per_row
    rows = StageRows(arguments.rows, arguments.rows * arguments.tokens_per_row, longest)
    return estimate(spec, shape, str(config["model_type"]), {stage.name: rows for stage in spec.stages}, prices)
