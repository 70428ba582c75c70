"""The data gate at size: all checks on, rows read from a real S3 server, time and peak memory by size. `make bench-data-gate`."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import devcluster
from bench import data_set
from devcluster import Part
from devcluster.s3 import ACCESS_KEY, SECRET_KEY, client
from devcluster.state import cache_directory
from tiny_model import make_model

BUCKET = "bench"
SIZES = [int(size) for size in os.environ.get("DATA_GATE_MEGABYTES", "100,1000,3000").split(",")]
MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def cluster() -> Iterator[devcluster.Cluster]:
    name = f"bench-gate-{os.getpid()}"
    found = devcluster.up(name, frozenset({Part.S3}))
    client(found.s3_endpoint).create_bucket(Bucket=BUCKET)
    yield found
    devcluster.down(name)


def rows_file(megabytes: int) -> Path:
    """Made once, and kept beside the other caches."""
    path = cache_directory() / "bench" / f"rows-{megabytes}.jsonl"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        data_set.write(part, megabytes * 1_000_000)
        part.rename(path)
    return path


def roomy_model(folder: Path) -> Path:
    """The tiny model, with a context that every row fits into."""
    config = make_model(folder) / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "max_position_embeddings": 1 << 16}))
    return folder


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_gigabyte_passes_in_ten_minutes_and_memory_is_flat(cluster: devcluster.Cluster, tmp_path: Path) -> None:
    s3 = client(cluster.s3_endpoint)
    for path in sorted(roomy_model(tmp_path / "model").iterdir()):
        s3.upload_file(str(path), BUCKET, f"model/{path.name}")
    measured = []
    for megabytes in SIZES:
        s3.upload_file(str(rows_file(megabytes)), BUCKET, f"rows-{megabytes}.jsonl")
        measured.append(measure(cluster, megabytes, tmp_path / str(megabytes)))
        s3.delete_object(Bucket=BUCKET, Key=f"rows-{megabytes}.jsonl")
    lines = [f"{'MB':>6} {'rows':>9} {'seconds':>8} {'rows/s':>8} {'peak MiB':>9}"]
    lines += [
        f"{size:>6} {found['rows']:>9} {found['seconds']:>8.0f} {found['rows'] / found['seconds']:>8.0f} {found['peak']:>9.0f}"
        for size, found in zip(SIZES, measured, strict=True)
    ]
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert all(found["rows"] for found in measured)
    assert all(found["peak"] < 1536 for found in measured)


def measure(cluster: devcluster.Cluster, megabytes: int, folder: Path) -> dict[str, float]:
    """Run the gate in a process of its own; peak memory is that of all its processes together."""
    secrets = folder / "secrets" / "s3"
    secrets.mkdir(parents=True)
    (secrets / "AWS_ACCESS_KEY_ID").write_text(ACCESS_KEY)
    (secrets / "AWS_SECRET_ACCESS_KEY").write_text(SECRET_KEY)
    arguments = [cluster.s3_endpoint, BUCKET, str(megabytes), str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "bench.gate_process", *arguments],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
