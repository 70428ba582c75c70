"""The monitor as its pod runs it: a process of its own, a real HTTP server to probe, real files and real S3 to read."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from devcluster import s3
from devcluster.processes import free_port, stop
from process_use import use_of
from tunewright_api.adapter_monitor import Drift, MonitorReport
from tunewright_api.manifest import FileEntry, Manifest, canonical_digest
from tunewright_api.storage import SecretReference, Storage
from tunewright_monitor.comparison import Comparison
from tunewright_monitor.storage import ObjectMissing, StorageError, open_reader
from tunewright_trainer.evaluate.sketching import sketch

PATIENCE_SECONDS = 30
Put = Callable[[str, bytes], None]


class ServingServer(BaseHTTPRequestHandler):
    """Streams three tokens; the model `broken` answers 500."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body["model"] == "broken":
            self.send_response(500)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        chunks = [{"choices": [{"delta": {"content": word}, "finish_reason": None}]} for word in ("a", "b", "c")]
        data = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks).encode() + b"data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), ServingServer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real S3 server with the buckets `adapters`, `traffic` and `allowed`."""
    port, process = s3.start_s3(tmp_path_factory.mktemp("seaweedfs"))
    endpoint = f"http://127.0.0.1:{port}"
    for bucket in ("adapters", "traffic", "allowed"):
        s3.client(endpoint).create_bucket(Bucket=bucket)
    yield endpoint
    stop(process)


def in_folder(folder: Path) -> Put:
    def put(key: str, data: bytes) -> None:
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(data)

    return put


def in_bucket(endpoint: str, bucket: str) -> Put:
    client = s3.client(endpoint)
    return lambda key, data: client.put_object(Bucket=bucket, Key=key, Body=data) and None


def texts(count: int, factor: int, seed: int = 1) -> list[str]:
    generator = random.Random(seed)
    return ["x" * max(1, round(generator.lognormvariate(4, 0.5) * factor)) for _ in range(count)]


def publish_adapter(put: Put, uri: str) -> None:
    """An adapter's folder as `publish` leaves it, as far as the monitor looks at it."""
    data = sketch(texts(900, 1), texts(400, 1, seed=2)).model_dump_json(by_alias=True).encode()
    digest = hashlib.sha256(data).hexdigest()
    put("adapter/reference.json", data)
    manifest = Manifest(
        kind="Adapter",
        run_id="r1-12345678",
        step="publish",
        attempt=1,
        prefix=uri,
        files=[FileEntry(path="reference.json", size=len(data), sha256=digest)],
        digest=canonical_digest([("reference.json", digest)]),
        created_at="2026-01-31T12:00:00Z",
    )
    put("adapter/manifest.json", manifest.model_dump_json(by_alias=True, exclude_none=True).encode())


def record_traffic(put: Put, name: str, factor: int, count: int = 300) -> None:
    rows = zip(texts(count, factor, seed=3), texts(count, 1, seed=4), strict=True)
    put(
        name, "".join(json.dumps({"prompt": prompt, "response": response}) + "\n" for prompt, response in rows).encode()
    )


def monitor_config(served: str, adapter: str, traffic: str, **endpoint: str) -> dict[str, Any]:
    return {
        "namespace": "team-a",
        "name": "support",
        "spec": {
            "adapterUri": adapter,
            "endpoint": {"url": served, "adapterModel": "support", "baseModel": "base", **endpoint},
            "probe": {"intervalSeconds": 5, "timeoutSeconds": 5},
            "drift": {"trafficUri": traffic, "intervalSeconds": 5, "windowSamples": 300, "minimumSamples": 200},
        },
    }


def get(port: int, path: str) -> tuple[int, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


class RunningMonitor:
    """A monitor process."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self.process, self.port = process, port

    def report_when(self, check: Callable[[MonitorReport], bool]) -> MonitorReport:
        """The first report that `check` accepts."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        report = None
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.process.communicate()[1]
            try:
                report = MonitorReport.model_validate_json(get(self.port, "/report")[1])
            except OSError:
                report = None
            if report and check(report):
                return report
            time.sleep(0.1)
        raise AssertionError(f"no such report within {PATIENCE_SECONDS} s; the last one was {report}")

    def metrics(self) -> dict[str, float]:
        lines = [line for line in get(self.port, "/metrics")[1].splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    def resident_mebibytes(self) -> float:
        return use_of(self.process.pid).resident_mebibytes


@contextmanager
def running(config: dict[str, Any], **variables: str) -> Iterator[RunningMonitor]:
    port = free_port()
    environment = {
        **os.environ,
        "TUNEWRIGHT_MONITOR_CONFIG": json.dumps(config),
        "TUNEWRIGHT_PORT": str(port),
        **variables,
    }
    with subprocess.Popen(
        [sys.executable, "-m", "tunewright_monitor"], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield RunningMonitor(process, port)
        finally:
            process.kill()


def test_quiet_on_ordinary_traffic_and_alarmed_on_long_prompts(tmp_path: Path, served: str) -> None:
    folder = f"file://{tmp_path}"
    publish_adapter(in_folder(tmp_path), f"{folder}/adapter")
    record_traffic(in_folder(tmp_path / "traffic"), "20260101T000000Z.jsonl", factor=1)
    with running(monitor_config(served, f"{folder}/adapter/", f"{folder}/traffic")) as monitor:
        quiet = monitor.report_when(lambda report: bool(report.evaluated_at and report.latency))
        assert quiet.drift_detected is False
        assert "300 samples are like the reference" in quiet.drift_message
        assert quiet.reachable is True
        assert quiet.reachable_message == "adapter answered 3 of 3 prompts; base answered 3 of 3 prompts"
        assert [each.model for each in quiet.latency] == ["adapter", "base"]
        assert get(monitor.port, "/healthz") == (200, "ok\n")
        assert get(monitor.port, "/nothing")[0] == 404

        record_traffic(in_folder(tmp_path / "traffic"), "20260101T000001Z.jsonl", factor=6)
        alarmed = monitor.report_when(lambda report: report.drift_detected is True)
        assert alarmed.drift_message.startswith("prompt_characters: median 3")
        assert {result.signal: result.drifted for result in alarmed.drift} == {
            "prompt_characters": True,
            "response_characters": False,
        }
        check_metrics(monitor.metrics(), alarmed)
        assert monitor.resident_mebibytes() < 200

        monitor.process.send_signal(signal.SIGTERM)
        assert monitor.process.wait(timeout=5) == 0
        assert monitor.process.stderr
        log = monitor.process.stderr.read()
        assert "Traceback" not in log
        assert "Drift detected is True now" in log


def check_metrics(metrics: dict[str, float], report: MonitorReport) -> None:
    own = 'monitor="support",namespace="team-a"'
    prompts = next(result for result in report.drift if result.signal == "prompt_characters")
    assert metrics[f"tunewright_drift_detected{{{own}}}"] == 1
    assert metrics[f'tunewright_drift_score{{method="psi",{own},signal="prompt_characters"}}'] == prompts.psi
    assert metrics[f'tunewright_drift_threshold{{method="psi",{own},signal="prompt_characters"}}'] == prompts.threshold
    assert metrics[f'tunewright_drift_p_value{{method="ks",{own},signal="prompt_characters"}}'] < 0.01
    assert metrics[f"tunewright_drift_window_samples{{{own}}}"] == 300
    assert metrics[f"tunewright_drift_rejected_rows{{{own}}}"] == 0
    assert metrics[f"tunewright_drift_errors_total{{{own}}}"] == 0
    assert time.time() - metrics[f"tunewright_drift_last_evaluated_timestamp_seconds{{{own}}}"] < 60
    for model in ("adapter", "base"):
        labels = f'model="{model}",{own}'
        assert metrics[f"tunewright_probe_up{{{labels}}}"] == 1
        assert metrics[f"tunewright_probe_errors_total{{{labels}}}"] == 0
        rounds = metrics[f"tunewright_probe_end_to_end_seconds_count{{{labels}}}"]
        assert rounds >= 3
        assert metrics[f"tunewright_probe_time_to_first_token_seconds_count{{{labels}}}"] == rounds
        assert metrics[f"tunewright_probe_between_tokens_seconds_count{{{labels}}}"] == 2 * rounds


def test_unreachable_server_and_missing_adapter_are_reported_and_the_monitor_lives_on(
    tmp_path: Path, served: str
) -> None:
    folder = f"file://{tmp_path}"
    config = monitor_config(served, f"{folder}/adapter", f"{folder}/traffic", adapterModel="broken")
    with running(config) as monitor:
        report = monitor.report_when(lambda report: bool(report.latency and report.drift_message))
        assert report.reachable is False
        assert "adapter answered 0 of 3 prompts: " in report.reachable_message
        assert "answered 500: no explanation; base answered 3 of 3 prompts" in report.reachable_message
        assert report.drift_detected is None
        assert report.drift_message == (
            f"{folder}/adapter holds no published adapter (no manifest.json):"
            " spec.adapterUri must be status.adapter.uri of a FineTuneJob"
        )
        own = 'monitor="support",namespace="team-a"'
        metrics = monitor.metrics()
        assert metrics[f'tunewright_probe_up{{model="adapter",{own}}}'] == 0
        assert metrics[f'tunewright_probe_errors_total{{model="adapter",{own}}}'] >= 3
        assert metrics[f"tunewright_drift_errors_total{{{own}}}"] >= 1
        assert f"tunewright_drift_detected{{{own}}}" not in metrics

        publish_adapter(in_folder(tmp_path), f"{folder}/adapter")
        record_traffic(in_folder(tmp_path / "traffic"), "1.jsonl", factor=1)
        assert monitor.report_when(lambda report: report.drift_detected is not None).drift_detected is False


def test_without_drift_only_latency_is_watched(served: str) -> None:
    config = monitor_config(served, "s3://adapters/x", "s3://traffic/x")
    del config["spec"]["drift"]
    with running(config) as monitor:
        report = monitor.report_when(lambda report: report.reachable is True)
        assert (report.drift, report.drift_message, report.evaluated_at) == ([], "", None)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("", "TUNEWRIGHT_MONITOR_CONFIG is not set: it must hold a MonitorConfig as JSON", id="not set"),
        pytest.param('{"namespace": "a"}', "TUNEWRIGHT_MONITOR_CONFIG.name: is required", id="incomplete"),
        pytest.param("{", "TUNEWRIGHT_MONITOR_CONFIG: invalid JSON", id="not JSON"),
    ],
)
def test_a_bad_configuration_ends_the_process_with_a_sentence(text: str, sentence: str) -> None:
    environment = {**os.environ, "TUNEWRIGHT_MONITOR_CONFIG": text}
    command = [sys.executable, "-m", "tunewright_monitor"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def secret(folder: Path, name: str, access_key: str, secret_key: str) -> None:
    """A Secret as the kubelet mounts it."""
    (folder / name).mkdir(parents=True)
    (folder / name / "AWS_ACCESS_KEY_ID").write_text(access_key)
    (folder / name / "AWS_SECRET_ACCESS_KEY").write_text(secret_key)


def test_reads_reference_and_traffic_from_s3(tmp_path: Path, object_store: str, served: str) -> None:
    publish_adapter(in_bucket(object_store, "adapters"), "s3://adapters/adapter")
    record_traffic(in_bucket(object_store, "traffic"), "support/1.jsonl", factor=6)
    record_traffic(in_bucket(object_store, "traffic"), "support/2.jsonl", factor=1, count=290)
    record_traffic(in_bucket(object_store, "traffic"), "support-other/3.jsonl", factor=6)
    in_bucket(object_store, "traffic")("support/3.jsonl", b"not a row\n")
    secret(tmp_path, "s3", s3.ACCESS_KEY, s3.SECRET_KEY)
    config = monitor_config(served, "s3://adapters/adapter", "s3://traffic/support")
    config["spec"]["storage"] = {"endpoint": object_store, "secretRef": {"name": "s3"}}
    with running(config, TUNEWRIGHT_SECRETS=str(tmp_path)) as monitor:
        report = monitor.report_when(lambda report: report.evaluated_at is not None)
        # 290 of the newest object and 10 of the one before; the neighbour prefix is not read.
        assert report.drift_detected is False
        assert report.drift_message.endswith(
            "; 1 lines were passed over because they are not {prompt, response} rows of two texts"
        )
        assert monitor.resident_mebibytes() < 200


def test_the_end_of_an_object_is_read_by_range(object_store: str, tmp_path: Path) -> None:
    in_bucket(object_store, "traffic")("range/a.jsonl", b"0123456789")
    secret(tmp_path, "s3", s3.ACCESS_KEY, s3.SECRET_KEY)
    storage = Storage(endpoint=object_store, secret_ref=SecretReference(name="s3"))
    reader = open_reader("s3://traffic/range", storage, tmp_path)
    assert reader.read("s3://traffic/range/a.jsonl", 7) == b"789"
    assert [(info.uri, info.size) for info in reader.newest("s3://traffic/range", 5)] == [
        ("s3://traffic/range/a.jsonl", 10)
    ]
    with pytest.raises(ObjectMissing, match=r"s3://traffic/range/b\.jsonl does not exist on http://127"):
        reader.read("s3://traffic/range/b.jsonl")


@pytest.mark.parametrize(
    ("bucket", "key", "sentence"),
    [
        pytest.param("traffic", s3.LIMITED_SECRET_KEY, "refused access to s3://traffic/x (AccessDenied)", id="denied"),
        pytest.param("allowed", "wrong-secret", "refused access to s3://allowed/x", id="wrong secret"),
        pytest.param("absent", s3.SECRET_KEY, "there is no bucket absent on", id="no bucket"),
    ],
)
def test_storage_faults_are_one_sentence(
    object_store: str, tmp_path: Path, bucket: str, key: str, sentence: str
) -> None:
    secret(tmp_path, "s3", s3.ACCESS_KEY if key == s3.SECRET_KEY else s3.LIMITED_ACCESS_KEY, key)
    storage = Storage(endpoint=object_store, secret_ref=SecretReference(name="s3"))
    with pytest.raises(StorageError) as raised:
        open_reader(f"s3://{bucket}/x", storage, tmp_path).newest(f"s3://{bucket}/x", 10)
    assert sentence in str(raised.value)
    assert key not in str(raised.value)


def test_a_server_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    secret(tmp_path, "s3", "a", "b")
    storage = Storage(endpoint="http://127.0.0.1:1", secret_ref=SecretReference(name="s3"))
    with pytest.raises(
        StorageError, match=r"s3://traffic/x: http://127.0.0.1:1 did not answer \(EndpointConnectionError\)"
    ):
        open_reader("s3://traffic/x", storage, tmp_path).newest("s3://traffic/x", 10)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        pytest.param("manifest.json", b"{", "adapter/manifest.json is not a manifest", id="cut manifest"),
        pytest.param(
            "reference.json", b"{}", "adapter/reference.json differs from its manifest", id="changed reference"
        ),
    ],
)
def test_a_reference_that_nobody_vouches_for_is_not_used(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    publish_adapter(in_folder(tmp_path), f"file://{tmp_path}/adapter")
    (tmp_path / "adapter" / name).write_bytes(content)
    drift = Drift(traffic_uri=f"file://{tmp_path}/traffic")
    with pytest.raises(StorageError, match=sentence):
        Comparison(f"file://{tmp_path}/adapter", drift, Storage(), tmp_path).make()
