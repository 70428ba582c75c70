"""What the outside sees of a running step: /progress for the operator, /metrics for Prometheus, a callback for a terminal."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from tunewright_api.run import ProgressReport, RunConfig, RunResult
from tunewright_api.status import Checkpoint, Progress, ResolvedStage
from tunewright_trainer.shell.folders import now

LABELS = ("namespace", "job", "step")


class _Metrics:
    def __init__(self, config: RunConfig) -> None:
        self.registry = CollectorRegistry()
        self._labels = {"namespace": config.namespace, "job": config.name, "step": config.step}
        self._gauges = {
            name: Gauge(f"tunewright_train_{name}", text, LABELS, registry=self.registry)
            for name, text in {
                "step": "Optimizer steps done.",
                "total_steps": "Optimizer steps of the whole stage.",
                "loss": "Training loss of the newest step.",
                "learning_rate": "Learning rate of the newest step.",
                "gradient_norm": "Norm of the gradient before clipping.",
                "tokens_per_second": "Trained tokens a second, padding left out.",
                "gpu_memory_bytes": "Highest GPU memory in use so far.",
            }.items()
        }
        self._samples = Counter("tunewright_train_samples", "Rows trained on.", LABELS, registry=self.registry)
        self._seen = 0

    def set(self, name: str, value: float) -> None:
        self._gauges[name].labels(**self._labels).set(value)

    def update(self, progress: Progress) -> None:
        pairs = {
            "step": progress.global_step,
            "total_steps": progress.total_steps,
            "loss": progress.loss,
            "learning_rate": progress.learning_rate,
            "gradient_norm": progress.gradient_norm,
            "tokens_per_second": progress.tokens_per_second,
        }
        for name, value in pairs.items():
            if value is not None:
                self.set(name, value)
        if progress.samples and progress.samples > self._seen:
            self._samples.labels(**self._labels).inc(progress.samples - self._seen)
            self._seen = progress.samples


class Telemetry:
    """The state of the step as it is told to others. Safe to use from several threads."""

    def __init__(self, config: RunConfig, listener: Callable[[ProgressReport], None] | None = None) -> None:
        self._lock = threading.Lock()
        self._listener = listener
        self._report = ProgressReport(
            progress=Progress(
                step=config.step, attempt=config.attempt, activity="Starting", summary="Starting", updated_at=now()
            )
        )
        self.metrics = _Metrics(config)
        self._server: ThreadingHTTPServer | None = None

    @property
    def report(self) -> ProgressReport:
        """The newest state."""
        with self._lock:
            return self._report

    def update(self, **fields: Any) -> None:
        """Change fields of the progress. A new activity without figures is its own summary."""
        if "activity" in fields:
            fields = {"summary": fields["activity"], **fields}
        with self._lock:
            progress = self._report.progress.model_copy(update={**fields, "updated_at": now()})
            self._report = self._report.model_copy(update={"progress": progress})
            self.metrics.update(progress)
        self._tell()

    def attach(
        self,
        *,
        resolved: ResolvedStage | None = None,
        checkpoint: Checkpoint | None = None,
        result: RunResult | None = None,
    ) -> None:
        """Add what is known besides the progress."""
        news = {"resolved": resolved, "checkpoint": checkpoint, "result": result}
        with self._lock:
            self._report = self._report.model_copy(
                update={name: value for name, value in news.items() if value is not None}
            )
        self._tell()

    def _tell(self) -> None:
        if self._listener is not None:
            self._listener(self.report)

    def serve(self, port: int) -> int:
        """Serve /progress, /metrics and /healthz in a thread; returns the port (0 chooses one)."""
        self._server = ThreadingHTTPServer(("0.0.0.0", port), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="telemetry", daemon=True).start()
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


def _handler(telemetry: Telemetry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            if self.path == "/progress":
                self._answer(
                    telemetry.report.model_dump_json(by_alias=True, exclude_none=True).encode(), "application/json"
                )
            elif self.path == "/metrics":
                self._answer(generate_latest(telemetry.metrics.registry), "text/plain; version=0.0.4; charset=utf-8")
            elif self.path == "/healthz":
                self._answer(b"ok\n", "text/plain")
            else:
                self.send_error(404)

        def _answer(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Scrapes are not worth a line."""

    return Handler
