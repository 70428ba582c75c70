"""`python -m devcluster up|down|status|image`."""

import argparse
import dataclasses
import json
import sys

from devcluster import down, images, load, up
from devcluster.errors import DevclusterError
from devcluster.state import ALL_PARTS, Cluster, Part


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="devcluster", description="A real Kubernetes on this machine.")
    parser.add_argument("command", choices=("up", "down", "status", "image"))
    parser.add_argument("kind", nargs="?", choices=("operator", "trainer"), help="which image to build (with `image`)")
    parser.add_argument("--name", default="demo")
    parser.add_argument("--parts", default=",".join(sorted(ALL_PARTS)), help="comma-separated: %(default)s")
    return parser.parse_args()


def _print(value: object) -> None:
    sys.stdout.write(f"{value}\n")


def _print_address(cluster: Cluster) -> None:
    """Lines for a shell."""
    if cluster.kubeconfig:
        _print(f"export KUBECONFIG={cluster.kubeconfig}\nexport PATH={cluster.binaries}:$PATH")
    if cluster.s3_endpoint:
        _print(f"export AWS_ENDPOINT_URL={cluster.s3_endpoint}")


def main() -> int:
    """Run the command; the exit code is 1 when a part cannot run here."""
    arguments = _arguments()
    try:
        if arguments.command == "down":
            down(arguments.name)
            return 0
        if arguments.command == "up":
            cluster = up(arguments.name, frozenset(Part(part) for part in arguments.parts.split(",")))
            _print_address(cluster)
            return 0
        found = load(arguments.name)
        if found is None:
            _print(f"cluster '{arguments.name}' does not run")
            return 1
        if arguments.command == "image":
            _print(images.ensure(arguments.kind or "operator", found))
        else:
            _print(json.dumps(dataclasses.asdict(found), indent=1))
    except (DevclusterError, ValueError) as error:
        sys.stderr.write(f"devcluster: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
