"""`tunewright describe NAME`: what a FineTuneJob does, has done, and why, from the cluster."""

import argparse
import sys

from tunewright_cli.cluster import Cluster, ClusterProblem
from tunewright_cli.story import parse_events, story


def main(arguments: argparse.Namespace) -> int:
    """Print it once."""
    try:
        cluster = Cluster()
        namespace = arguments.namespace or cluster.namespace
        body = cluster.get(namespace, arguments.name)
        events = parse_events(cluster.events(namespace, body["metadata"]["uid"]))
    except ClusterProblem as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    sys.stdout.write(story(body, events))
    return 0
