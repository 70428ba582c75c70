"""`tunewright validate -f FILE`: every fault at once, with its line."""

import argparse
import sys

from tunewright_api.failures import FailureClass, exit_code
from tunewright_cli.manifests import BadManifest, read


def complain(error: BadManifest) -> int:
    """Print the faults; returns the exit code of an invalid spec."""
    for fault in error.faults:
        sys.stderr.write(f"{fault}\n")
    return exit_code(FailureClass.INVALID_SPEC)


def main(arguments: argparse.Namespace) -> int:
    """Check a file."""
    try:
        documents = read(arguments.filename)
    except BadManifest as error:
        return complain(error)
    for document in documents:
        print(f"{document.source}: {document.kind}/{document.name} is valid")
    return 0
