"""Sets the stage: cluster, images, model, data, buckets, the chart."""

import base64
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dataset
import model
from timeline import say

import devcluster
from devcluster import Cluster, images
from devcluster.cluster import environment
from devcluster.s3 import client
from devcluster.state import cache_directory

ROOT = Path(__file__).resolve().parents[2]
SYSTEM_NAMESPACE, NAMESPACE = "tunewright-system", "team-a"
RELEASE = "tunewright"
MODEL_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
BUCKETS = ("models", "datasets", "adapters", "traffic")


@dataclass(frozen=True)
class Stage:
    """What the demo plays on."""

    cluster: Cluster
    model: Path
    data: Path

    def run(self, *command: str, stdin: str | None = None) -> str:
        """Run kubectl, helm and the like against the cluster."""
        done = subprocess.run(
            command, env=environment(self.cluster), input=stdin, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command[:6])}: {(done.stderr or done.stdout).strip()[-1500:]}")
        return done.stdout

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl."""
        return self.run("kubectl", *arguments, stdin=stdin)

    def get(self, *arguments: str) -> Any:
        """An object as data."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def s3(self) -> Any:
        """An S3 client with the administrator's keys."""
        return client(self.cluster.s3_endpoint)


def make_model() -> Path:
    """The model's folder, made once and kept in the cache."""
    folder = cache_directory() / "models" / "SmolLM2-135M-Instruct"
    model.main(folder)
    return folder


def make_data(name: str) -> Path:
    """The data, made anew: it takes two seconds."""
    folder = cache_directory() / "clusters" / name / "data"
    dataset.main(folder)
    return folder


def upload(stage: Stage) -> None:
    """Model and data into buckets, over plain S3."""
    s3 = stage.s3()
    existing = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    for bucket in BUCKETS:
        if bucket not in existing:
            s3.create_bucket(Bucket=bucket)
    for path in sorted(stage.model.iterdir()):
        key = f"{stage.model.name}/{path.name}"
        if not _is_there(s3, "models", key, path.stat().st_size):
            s3.upload_file(str(path), "models", key)
    for path in sorted(stage.data.glob("*.jsonl")):
        s3.upload_file(str(path), "datasets", f"docstrings/{path.name}")
    say(f"  s3://models/{stage.model.name} and s3://datasets/docstrings are in place")


def _is_there(s3: Any, bucket: str, key: str, size: int) -> bool:
    from botocore.exceptions import ClientError

    try:
        return bool(s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == size)
    except ClientError:
        return False


def install(stage: Stage) -> None:
    """The chart with Helm, and a tenant's namespace with its storage keys."""
    operator, trainer = (images.ensure(kind, stage.cluster) for kind in ("operator", "trainer"))
    values = [f"images.operator={operator}", f"images.trainer={trainer}", "images.pullPolicy=Never"]
    sets = [argument for value in values for argument in ("--set", value)]
    chart = str(ROOT / "charts" / "tunewright")
    stage.run(
        "helm",
        "upgrade",
        "--install",
        RELEASE,
        chart,
        "-n",
        SYSTEM_NAMESPACE,
        "--create-namespace",
        "--wait",
        "--timeout",
        "3m",
        *sets,
    )
    # Helm installs CRDs once and never upgrades them.
    stage.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "crds"))
    stage.kubectl("apply", "-f", "-", stdin=json.dumps(_tenant(stage)))
    say(stage.kubectl("get", "pods", "-n", SYSTEM_NAMESPACE).rstrip())


def _tenant(stage: Stage) -> dict[str, Any]:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    keys = {"AWS_ACCESS_KEY_ID": stage.cluster.s3_access_key, "AWS_SECRET_ACCESS_KEY": stage.cluster.s3_secret_key}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in keys.items()}
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s3", "namespace": NAMESPACE}, "data": encoded},
        ],
    }


def tear_down(name: str) -> None:
    """Stop everything; only caches stay."""
    devcluster.down(name)
    sys.stdout.write("nothing runs any more; binaries, images and the model stay in the cache\n")
