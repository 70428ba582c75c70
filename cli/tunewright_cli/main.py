"""`tunewright`: reads the arguments and hands over. Imports as little as it can: --help is quick."""

import argparse
import sys
from importlib import import_module

COMMANDS = {
    "run": ("tunewright_cli.run", "run a FineTuneJob on this machine, without a cluster"),
    "validate": ("tunewright_cli.validate", "check manifests and say everything that is wrong with them"),
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
    for name in ("run", "validate", "submit"):
        made[name].add_argument(
            "-f", "--filename", required=True, metavar="FILE", help="manifest, or - for standard input"
        )
    made["run"].add_argument(
        "--scratch", metavar="DIRECTORY", help="for temporary files; default: a folder beside the system's"
    )
    made["run"].add_argument(
        "--secrets", metavar="DIRECTORY", help="storage keys, a folder for each Secret; default: the AWS_* variables"
    )
    for name in ("watch", "describe"):
        made[name].add_argument("name", metavar="NAME")
    for name in ("submit", "watch", "describe"):
        made[name].add_argument("-n", "--namespace", help="default: the manifest's or the context's")
    return root


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
