"""One cluster with a node for all end-to-end tests, made and removed here; the demo's own code sets it up."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import devcluster

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "demo"))

import stage as stages


@pytest.fixture(scope="session")
def stage() -> Iterator[stages.Stage]:
    """A cluster with the chart installed, model and data in place."""
    cluster = devcluster.up("e2e")
    try:
        made = stages.Stage(cluster, stages.make_model(), stages.make_data("e2e"))
        stages.upload(made)
        stages.install(made)
        yield made
    finally:
        devcluster.down("e2e")
