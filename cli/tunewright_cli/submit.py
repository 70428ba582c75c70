"""`tunewright submit -f FILE`: create a FineTuneJob, with the server's own words when it refuses."""

import argparse
import sys

from tunewright_cli.cluster import Cluster, ClusterProblem
from tunewright_cli.manifests import BadManifest, read_job
from tunewright_cli.validate import complain


def main(arguments: argparse.Namespace) -> int:
    """Create it, and say how to follow it."""
    try:
        document = read_job(arguments.filename)
    except BadManifest as error:
        return complain(error)
    try:
        cluster = Cluster()
        namespace = arguments.namespace or document.namespace or cluster.namespace
        cluster.create(namespace, {**document.body, "metadata": {**document.body["metadata"], "namespace": namespace}})
    except ClusterProblem as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    print(
        f"finetunejob/{document.name} created in namespace {namespace}; follow it with: tunewright watch {document.name} -n {namespace}"
    )
    return 0
