"""The job: applied with kubectl, followed with `tunewright watch`, and its results read back from object storage."""

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stage import MODEL_ID, NAMESPACE, Stage
from timeline import DemoFailed, require, say

from devcluster.cluster import environment

MAX_NEW_TOKENS = 64


@dataclass(frozen=True)
class Size:
    """How much the demo trains: enough for a clear gain, or just enough for a test."""

    sft_steps: int = 40
    dpo_steps: int = 20
    rows: int = 48


DEMO = Size()
SMALL = Size(sft_steps=12, dpo_steps=4, rows=16)


def manifest(stage: Stage, name: str, size: Size, **changes: Any) -> dict[str, Any]:
    """The FineTuneJob: QLoRA, SFT then DPO. Without a GPU here, it trains on the CPU with the same code."""
    small = {"requests": {"cpu": "100m", "memory": "256Mi"}}
    large = {"requests": {"cpu": "500m", "memory": "2Gi"}, "limits": {"memory": "8Gi"}}
    spec: dict[str, Any] = {
        "model": {"uri": f"s3://models/{stage.model.name}", "id": MODEL_ID},
        "tuning": {"quantization": "NF4"},
        "stages": [
            {
                "name": "sft",
                "method": "SFT",
                "dataset": {"uri": "s3://datasets/docstrings/sft.jsonl"},
                "hyperparameters": {
                    "maxSteps": size.sft_steps,
                    "batchSize": 8,
                    "learningRate": 0.0005,
                    "checkpointSteps": max(2, size.sft_steps // 4),
                },
            },
            {
                "name": "dpo",
                "method": "DPO",
                "dataset": {"uri": "s3://datasets/docstrings/preference.jsonl"},
                "hyperparameters": {"maxSteps": size.dpo_steps, "batchSize": 4, "learningRate": 0.00002},
            },
        ],
        "evaluation": {"maxRows": size.rows, "maxNewTokens": MAX_NEW_TOKENS},
        "output": {"uri": "s3://adapters"},
        "storage": {"endpoint": stage.cluster.s3_pod_endpoint, "secretRef": {"name": "s3"}},
        "compute": {
            "gpusPerNode": 0,
            "scratchSize": "5Gi",
            "prepare": {"resources": small},
            "package": {"resources": small},
            "trainer": {"resources": large},
            "evaluate": {"resources": large},
        },
    }
    metadata = {"name": name, "namespace": NAMESPACE}
    return {
        "apiVersion": "tunewright.dev/v1alpha1",
        "kind": "FineTuneJob",
        "metadata": metadata,
        "spec": {**spec, **changes},
    }


def apply(stage: Stage, body: dict[str, Any]) -> None:
    """kubectl apply, after the job of an earlier demo is gone."""
    name = body["metadata"]["name"]
    stage.kubectl(
        "delete", "ftj", name, "-n", NAMESPACE, "--ignore-not-found", "--cascade=foreground", "--timeout=180s"
    )
    say("  " + stage.kubectl("apply", "-f", "-", stdin=json.dumps(body)).strip())


def watch(stage: Stage, name: str) -> None:
    """Live progress until the run is over; a failed run ends the demo with its own words."""
    command = [str(Path(sys.executable).parent / "tunewright"), "watch", name, "-n", NAMESPACE]
    if subprocess.run(command, env=environment(stage.cluster), check=False).returncode:
        raise DemoFailed(f"the run did not complete:\n{stage.kubectl('describe', 'ftj', name, '-n', NAMESPACE)}")


def read(stage: Stage, uri: str) -> bytes:
    """An object, by its URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    body: bytes = stage.s3().get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def show_results(stage: Stage, name: str) -> dict[str, Any]:
    """The table line, the conditions, and what object storage says; returns the status."""
    say(stage.kubectl("get", "ftj", name, "-n", NAMESPACE, "-o", "wide").rstrip())
    status: dict[str, Any] = stage.get("ftj", name, "-n", NAMESPACE)["status"]
    for condition in status["conditions"]:
        say(f"  {condition['type']:<12} {condition['status']:<6} {condition['reason']:<16} {condition['message']}")
    require(status["phase"] == "Complete", "the run is complete")
    _show_evaluation(stage, status)
    _verify_adapter(stage, status["adapter"])
    _show_samples(stage, status)
    return status


def _show_evaluation(stage: Stage, status: dict[str, Any]) -> None:
    stored = json.loads(read(stage, status["evaluation"]["reportURI"]))
    require(
        stored["metrics"] == status["evaluation"]["metrics"], "the evaluation in status is the one in object storage"
    )
    for metric in stored["metrics"]:
        interval = f"{metric['low']:+.4f} to {metric['high']:+.4f}"
        say(
            f"  {metric['name']:<20} base {metric['base']:8.4f}   tuned {metric['tuned']:8.4f}   {metric['difference']:+.4f} ({interval}, {metric['rows']} rows)  {metric['verdict']}"
        )
    loss = next(metric for metric in stored["metrics"] if metric["name"] == "loss")
    require(
        loss["verdict"] == "Better",
        "tuned beats base on the held-out rows, and the interval of the difference excludes zero",
    )


def _verify_adapter(stage: Stage, adapter: dict[str, Any]) -> None:
    stored = json.loads(read(stage, adapter["manifestURI"]))
    for entry in stored["files"]:
        content = read(stage, f"{adapter['uri']}/{entry['path']}")
        if len(content) != entry["size"] or hashlib.sha256(content).hexdigest() != entry["sha256"]:
            raise DemoFailed(f"not true: {entry['path']} is what its manifest says")
    require(
        stored["digest"] == adapter["digest"],
        f"{adapter['uri']}: manifest and {len(stored['files'])} files verified, digest {adapter['digest'][:19]}…",
    )


def _show_samples(stage: Stage, status: dict[str, Any]) -> None:
    folder = status["evaluation"]["reportURI"].rpartition("/")[0]
    for sample in json.loads(read(stage, f"{folder}/samples.json"))[:5]:
        say(f"\n  {'question':>9}  {sample['prompt']}")
        for side in ("reference", "base", "tuned"):
            say(f"  {side:>9}  {' '.join(sample[side].split())[:200]}")
