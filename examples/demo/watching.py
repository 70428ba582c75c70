"""After publication: a server offers the adapter, an AdapterMonitor watches it, and Prometheus has seen what it saw."""

import json
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import traffic
from job import MAX_NEW_TOKENS
from stage import NAMESPACE, Stage
from timeline import DemoFailed, require, say

from devcluster import processes

MONITOR = "docstrings"
WINDOW = 128
HERE = Path(__file__).parent
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def server(stage: Stage, adapter_uri: str) -> Iterator[str]:
    """Serve adapter and base beside each other; yields the API's address as pods see it."""
    port = processes.free_port()
    command = [
        sys.executable,
        str(HERE / "serve.py"),
        "--model",
        str(stage.model),
        "--adapter",
        adapter_uri,
        "--name",
        MONITOR,
    ]
    command += [
        "--storage-endpoint",
        stage.cluster.s3_endpoint,
        "--traffic",
        _traffic_uri(adapter_uri),
        "--rows-an-object",
        str(WINDOW),
    ]
    command += ["--host", "0.0.0.0", "--port", str(port)]
    keys = {"AWS_ACCESS_KEY_ID": stage.cluster.s3_access_key, "AWS_SECRET_ACCESS_KEY": stage.cluster.s3_secret_key}
    process = processes.start(
        "serve", command, stage.cluster.logs, {**keys, "PYTHONPATH": str(HERE), "HF_HUB_OFFLINE": "1"}
    )
    try:
        processes.wait_until(
            "the server",
            lambda: processes.answers(f"http://127.0.0.1:{port}/healthz"),
            process,
            120,
            stage.cluster.logs,
        )
        yield f"http://{stage.cluster.gateway}:{port}/v1"
    finally:
        processes.stop(process)


def _traffic_uri(adapter_uri: str) -> str:
    """A prefix of its own for each run's adapter."""
    return "s3://traffic/" + adapter_uri.removeprefix("s3://adapters/").removesuffix("/adapter")


def start_monitor(stage: Stage, adapter_uri: str, url: str) -> None:
    """Apply the AdapterMonitor and wait until it has reached the server."""
    spec = {
        "adapterUri": adapter_uri,
        "endpoint": {"url": url, "adapterModel": MONITOR, "baseModel": "base"},
        "probe": {"intervalSeconds": 10, "maxTokens": 16},
        "drift": {
            "trafficUri": _traffic_uri(adapter_uri),
            "intervalSeconds": 5,
            "windowSamples": WINDOW,
            "minimumSamples": WINDOW,
        },
        "storage": {"endpoint": stage.cluster.s3_pod_endpoint, "secretRef": {"name": "s3"}},
    }
    body = {
        "apiVersion": "tunewright.dev/v1alpha1",
        "kind": "AdapterMonitor",
        "metadata": {"name": MONITOR, "namespace": NAMESPACE},
        "spec": spec,
    }
    stage.kubectl(
        "delete",
        "adaptermonitor",
        MONITOR,
        "-n",
        NAMESPACE,
        "--ignore-not-found",
        "--cascade=foreground",
        "--timeout=60s",
    )
    say("  " + stage.kubectl("apply", "-f", "-", stdin=json.dumps(body)).strip())
    wait("the monitor reaches both models", lambda: condition(stage, "Reachable") == "True")


def condition(stage: Stage, type_: str) -> str:
    """Status of one condition of the monitor."""
    conditions = (stage.get("adaptermonitor", MONITOR, "-n", NAMESPACE).get("status") or {}).get("conditions") or []
    return next((str(item["status"]) for item in conditions if item["type"] == type_), "")


def wait(claim: str, check: Callable[[], bool], seconds: float = 120) -> None:
    """Wait for something to become true, and say so."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise DemoFailed(f"not true within {seconds:.0f} s: {claim}")
        time.sleep(1)
    require(True, claim)


def query(stage: Stage, expression: str) -> list[tuple[dict[str, str], float]]:
    """An instant query to the real Prometheus: (labels, value) pairs."""
    url = f"{stage.cluster.prometheus}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    with _opener.open(url, timeout=10) as response:
        found: list[Any] = json.load(response)["data"]["result"]
    return [(item["metric"], float(item["value"][1])) for item in found]


def send(kind: str, url: str) -> None:
    """Let the served adapter answer a window of prompts."""
    started = time.monotonic()
    prompts = (traffic.ordinary_prompts if kind == "ordinary" else traffic.long_prompts)(WINDOW)
    traffic.send(url, MONITOR, prompts, MAX_NEW_TOKENS)
    say(f"  {len(prompts)} {kind} prompts answered in {time.monotonic() - started:.0f} s")


def watch_drift(stage: Stage, url: str) -> None:
    """Quiet on ordinary prompts, an alarm on long ones, both as Prometheus scraped them."""
    send("ordinary", url)
    wait("drift is quiet on ordinary prompts", lambda: condition(stage, "DriftDetected") == "False")
    wait("Prometheus has scraped that too", lambda: _scraped(stage, 0.0))
    show_metrics(stage)
    send("long", url)
    wait("drift is alarmed on long prompts", lambda: condition(stage, "DriftDetected") == "True")
    wait("Prometheus has scraped that too", lambda: _scraped(stage, 1.0))
    show_metrics(stage)
    say(stage.kubectl("get", "adaptermonitor", MONITOR, "-n", NAMESPACE).rstrip())


def _scraped(stage: Stage, expected: float) -> bool:
    found = query(stage, f'max(tunewright_drift_detected{{monitor="{MONITOR}"}})')
    return bool(found) and found[0][1] == expected


def show_metrics(stage: Stage) -> None:
    """Drift scores and latency."""
    thresholds = {
        labels["signal"]: value for labels, value in query(stage, f'tunewright_drift_threshold{{monitor="{MONITOR}"}}')
    }
    for labels, value in query(stage, f'tunewright_drift_score{{monitor="{MONITOR}"}}'):
        say(f"  drift of {labels['signal']:<20} PSI {value:7.3f}   threshold {thresholds.get(labels['signal'], 0):.3f}")
    for name in ("time_to_first_token", "between_tokens", "end_to_end"):
        rate = f'sum by (model) (tunewright_probe_{name}_seconds_sum{{monitor="{MONITOR}"}}) / sum by (model) (tunewright_probe_{name}_seconds_count{{monitor="{MONITOR}"}})'
        values = {labels.get("model", ""): value for labels, value in query(stage, rate)}
        say(
            f"  {name.replace('_', ' '):<20} adapter {values.get('adapter', float('nan')):.3f} s   base {values.get('base', float('nan')):.3f} s"
        )
