"""What Prometheus sees. Labels are few and closed: the monitor, a model's role and a signal, never a prompt, a URL or a version."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from tunewright_api.adapter_monitor import DriftResult
from tunewright_monitor.probe import Answer

FIRST_TOKEN_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
BETWEEN_TOKENS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
END_TO_END_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
OWN = ("namespace", "monitor")
PER_MODEL = (*OWN, "model")
PER_SIGNAL = (*OWN, "signal", "method")
PSI, KOLMOGOROV_SMIRNOV = "psi", "ks"


class Metrics:
    """The metrics of one monitor, in a registry of their own."""

    def __init__(self, namespace: str, monitor: str) -> None:
        self.registry = CollectorRegistry()
        self._own = (namespace, monitor)
        self._make_probe_metrics()
        self._make_drift_metrics()

    def _make_probe_metrics(self) -> None:
        def histogram(name: str, text: str, buckets: Sequence[float]) -> Histogram:
            return Histogram(f"tunewright_probe_{name}", text, PER_MODEL, registry=self.registry, buckets=buckets)

        self._first_token = histogram(
            "time_to_first_token_seconds", "From sending a prompt to the first token.", FIRST_TOKEN_BUCKETS
        )
        self._between = histogram(
            "between_tokens_seconds", "From one streamed piece of an answer to the next.", BETWEEN_TOKENS_BUCKETS
        )
        self._end_to_end = histogram(
            "end_to_end_seconds", "From sending a prompt to the end of its answer.", END_TO_END_BUCKETS
        )
        self._probe_errors = Counter(
            "tunewright_probe_errors", "Prompts without a complete answer.", PER_MODEL, registry=self.registry
        )
        self._probe_up = Gauge(
            "tunewright_probe_up", "1 if a prompt of the newest round was answered.", PER_MODEL, registry=self.registry
        )

    def _make_drift_metrics(self) -> None:
        def gauge(name: str, text: str, labels: Sequence[str] = OWN) -> Gauge:
            return Gauge(f"tunewright_drift_{name}", text, labels, registry=self.registry)

        self._score = gauge("score", "Effect size of the newest comparison.", PER_SIGNAL)
        self._threshold = gauge("threshold", "The score that counts as drift at this number of samples.", PER_SIGNAL)
        self._p_value = gauge("p_value", "Holm-corrected p-value of the newest comparison.", PER_SIGNAL)
        self._detected = gauge("detected", "1 if traffic drifted; absent while that cannot be told.")
        self._samples = gauge("window_samples", "Rows of traffic in the newest window.")
        self._rejected = gauge("rejected_rows", "Lines among the newest traffic that are no rows.")
        self._evaluated = gauge("last_evaluated_timestamp_seconds", "When traffic was last compared.")
        self._drift_errors = Counter(
            "tunewright_drift_errors", "Comparisons that failed, by storage mostly.", OWN, registry=self.registry
        )

    def start(self, models: Sequence[str], *, drift: bool) -> None:
        """Counters start at zero and not with their first error, or `increase()` would miss it."""
        for model in models:
            self._probe_errors.labels(*self._own, model)
        if drift:
            self._drift_errors.labels(*self._own)

    def probed(self, model: str, answers: Sequence[Answer], errors: int) -> None:
        """One round's answers of one model."""
        labels = (*self._own, model)
        for answer in answers:
            self._first_token.labels(*labels).observe(answer.time_to_first_token)
            self._end_to_end.labels(*labels).observe(answer.end_to_end)
            for gap in answer.gaps:
                self._between.labels(*labels).observe(gap)
        self._probe_errors.labels(*labels).inc(errors)
        self._probe_up.labels(*labels).set(1 if answers else 0)

    def read(self, samples: int, rejected: int) -> None:
        """A window was read."""
        self._samples.labels(*self._own).set(samples)
        self._rejected.labels(*self._own).set(rejected)

    def compared(self, results: Sequence[DriftResult], detected: bool | None, at: float) -> None:
        """A comparison was made; without a verdict, the old one goes."""
        for gauge in (self._score, self._threshold, self._p_value, self._detected):
            gauge.clear()
        for result in results:
            self._score.labels(*self._own, result.signal, PSI).set(result.psi)
            self._threshold.labels(*self._own, result.signal, PSI).set(result.threshold)
            self._p_value.labels(*self._own, result.signal, KOLMOGOROV_SMIRNOV).set(result.p_value)
        if detected is not None:
            self._detected.labels(*self._own).set(1 if detected else 0)
            self._evaluated.labels(*self._own).set(at)

    def drift_failed(self) -> None:
        """A comparison could not be made. The newest verdict stays: the timestamp says how old it is."""
        self._drift_errors.labels(*self._own).inc()

    def exposition(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)
