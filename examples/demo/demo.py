"""The demo: one real job on a real cluster, from `kubectl apply` to a published adapter that is served and watched.

`python examples/demo/demo.py up|down`. Exits with 1 when anything that it claims is not true. The cluster goes on running."""

import argparse
import sys

import job
import stage as stages
import watching
from timeline import DemoFailed, Timeline, say

import devcluster
from devcluster import DevclusterError

NAME = "docstrings"


def up(cluster_name: str) -> None:
    """Play all parts."""
    timeline = Timeline()
    with timeline.part("Cluster: etcd, API server, controllers, kubelet, S3, Prometheus"):
        cluster = devcluster.up(cluster_name)
    with timeline.part("Model and data: SmolLM2-135M-Instruct, docstrings of the standard library"):
        stage = stages.Stage(cluster, stages.make_model(), stages.make_data(cluster_name))
        stages.upload(stage)
    with timeline.part("Images and chart"):
        stages.install(stage)
    with timeline.part("Run: prepare, train-sft, train-dpo, package, evaluate, publish"):
        job.apply(stage, job.manifest(stage, NAME, job.DEMO))
        job.watch(stage, NAME)
    with timeline.part("Results"):
        status = job.show_results(stage, NAME)
    with timeline.part("Serving and watching"):
        uri = status["adapter"]["uri"]
        with watching.server(stage, uri) as url:
            watching.start_monitor(stage, uri, url)
            watching.watch_drift(stage, url)
    timeline.show()
    say(
        f"\nLook around:\n  export KUBECONFIG={cluster.kubeconfig} PATH={cluster.binaries}:$PATH\n  kubectl describe ftj {NAME} -n {stages.NAMESPACE}\nmake demo-down removes it all."
    )


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description="One real fine-tuning job, from kubectl apply to a watched adapter.")
    parser.add_argument("command", choices=("up", "down"))
    parser.add_argument("--name", default="demo", help="name of the cluster")
    arguments = parser.parse_args()
    try:
        if arguments.command == "down":
            stages.tear_down(arguments.name)
        else:
            up(arguments.name)
    except (DemoFailed, DevclusterError, RuntimeError) as error:
        sys.stderr.write(f"\nThe demo failed: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
