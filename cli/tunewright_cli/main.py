"""`tunewright`: reads the arguments and hands over. Imports as little as it can: --help is quick."""

import argparse
import sys
from importlib import import_module

COMMANDS = {
    "run": ("tunewright_cli.run", "run a FineTuneJob on this machine, without a cluster"),
    "validate": (
        "tunewright_cli.validate",
        "check manifests, and with --data the rows, and say everything that is wrong",
    ),
    "estimate": ("tunewright_cli.estimate", "say what memory, time and money a FineTuneJob will need"),
    "submit": ("tunewright_cli.submit", "create a FineTuneJob in the cluster"),
    "watch": ("tunewright_cli.watch", "follow a FineTuneJob to its end"),
    "describe": ("tunewright_cli.describe", "tell what a FineTuneJob does, has done, and why"),
}


def parser() -> argparse.ArgumentParser:
    """The arguments of all commands."""
    root = argparse.ArgumentParser(
        prog="tunewright", description="Fine-tune language models, on Kubernetes or right here."
    )
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    made = {
        name: commands.add_parser(name, help=text, description=text.capitalize() + ".")
        for name, (_, text) in COMMANDS.items()
    }
    for name in ("run", "validate", "estimate", "submit"):
        made[name].add_argument(
            "-f", "--filename", required=True, metavar="FILE", help="manifest, or - for standard input"
        )
    made["run"].add_argument(
        "--scratch", metavar="DIRECTORY", help="for temporary files; default: a folder beside the system's"
    )
    made["run"].add_argument(
        "--secrets", metavar="DIRECTORY", help="storage keys, a folder for each Secret; default: the AWS_* variables"
    )
    _add_data_arguments(made["validate"], made["estimate"])
    for name in ("watch", "describe"):
        made[name].add_argument("name", metavar="NAME")
    for name in ("submit", "watch", "describe"):
        made[name].add_argument("-n", "--namespace", help="default: the manifest's or the context's")
    return root


def _add_data_arguments(validate: argparse.ArgumentParser, estimate: argparse.ArgumentParser) -> None:
    validate.add_argument("--data", action="store_true", help="run the data gate here; exit code 65 when it refuses")
    validate.add_argument("--report", metavar="FILE", help="write the report's page to this file; implies --data")
    estimate.add_argument("--data", action="store_true", help="read the data and count its rows and tokens")
    estimate.add_argument("--rows", type=_positive, metavar="N", help="training rows of each stage, instead of --data")
    estimate.add_argument("--tokens-per-row", type=_positive, metavar="N", help="their mean length, answer included")
    estimate.add_argument("--longest", type=_positive, metavar="N", help="the longest row; default: the mean")
    for made in (validate, estimate):
        made.add_argument(
            "--secrets",
            metavar="DIRECTORY",
            help="storage keys, a folder for each Secret; default: the AWS_* variables",
        )
        made.add_argument("--scratch", metavar="DIRECTORY", help="for temporary files; default: the system's")
        made.add_argument("--gpu", metavar="NAME", help="GPU of the estimate, such as H100, A100-80GB or L40S")
        made.add_argument("--gpu-hour", metavar="PRICE", type=float, help="price of an hour of that GPU")
        made.add_argument("--currency", metavar="CODE", help="of that price, such as EUR")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' must be a whole number above 0")
    return int(text)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code is 0, 64 for a bad manifest, or that of the failure's class."""
    given = parser().parse_args(arguments)
    module = import_module(COMMANDS[given.command][0])
    try:
        return int(module.main(given))
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. The same command goes on where this one has stopped.\n")
        return 130
    except BrokenPipeError:
        return 141


if __name__ == "__main__":
    raise SystemExit(main())
