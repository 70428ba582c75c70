"""What the operator tells Prometheus about itself. Every metric and every label is here; labels are few and closed."""

import time
from collections.abc import Callable, Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from tunewright_api.status import FineTuneJobStatus, Phase, StepState
from tunewright_operator.core.parse import parse_time
from tunewright_operator.shell.cache import Cache
from tunewright_operator.shell.resources import FINE_TUNE_JOBS
from tunewright_operator.shell.workqueue import WorkQueue

RECONCILE_BUCKETS = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0)
STEP_BUCKETS = (10.0, 60.0, 300.0, 1800.0, 7200.0, 28800.0, 86400.0)


class _Live(Collector):
    """Values that are looked up when Prometheus asks."""

    def __init__(self, cache: Cache, queue: WorkQueue, untold: Callable[[], int]) -> None:
        self._cache = cache
        self._queue = queue
        self._untold = untold

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Depth of the queue, age of the watches, jobs by phase."""
        depth = GaugeMetricFamily("tunewright_operator_workqueue_depth", "Objects that wait for a worker.")
        depth.add_metric([], self._queue.depth)
        yield depth
        oldest = GaugeMetricFamily("tunewright_operator_workqueue_head_age_seconds", "How long the oldest has waited.")
        oldest.add_metric([], self._queue.head_age())
        yield oldest
        untold = GaugeMetricFamily("tunewright_operator_events_waiting", "Events that are still to be written.")
        untold.add_metric([], self._untold())
        yield untold
        age = GaugeMetricFamily(
            "tunewright_operator_watch_event_age_seconds", "Since the newest event of a kind.", labels=["resource"]
        )
        for plural, moment in tuple(self._cache.last_event.items()):
            age.add_metric([plural], time.monotonic() - moment)
        yield age
        yield self._jobs()

    def _jobs(self) -> GaugeMetricFamily:
        counts: dict[tuple[str, str], int] = {}
        for body in self._cache.bodies(FINE_TUNE_JOBS):
            phase = (body.get("status") or {}).get("phase") or Phase.PENDING
            cell = (body["metadata"]["namespace"], str(phase))
            counts[cell] = counts.get(cell, 0) + 1
        jobs = GaugeMetricFamily("tunewright_jobs", "FineTuneJobs by phase.", labels=["namespace", "phase"])
        for (namespace, phase), count in sorted(counts.items()):
            jobs.add_metric([namespace, phase], count)
        return jobs


class Metrics:
    """The operator's registry."""

    def __init__(self, cache: Cache, queue: WorkQueue, untold: Callable[[], int]) -> None:
        """`untold`: how many events wait to be written."""
        # They would double the number of series, and nobody reads them.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        registry = self._registry = CollectorRegistry()
        registry.register(_Live(cache, queue, untold))
        prefix = "tunewright_operator_"
        self._reconciles = Histogram(
            prefix + "reconcile_seconds",
            "Time of one look at one object.",
            buckets=RECONCILE_BUCKETS,
            registry=registry,
        )
        self._errors = Counter(
            prefix + "reconcile_errors", "Looks that failed and are repeated.", ["error"], registry=registry
        )
        self._writes = Counter(
            prefix + "writes", "Requests that change the cluster.", ["verb", "resource"], registry=registry
        )
        self._relists = Counter(prefix + "relists", "Full lists taken to repair the cache.", registry=registry)
        self._leader = Gauge(prefix + "leader", "1 while this replica leads.", registry=registry)
        self._steps = Histogram(
            "tunewright_step_seconds",
            "From a step's start to its success.",
            ["step"],
            buckets=STEP_BUCKETS,
            registry=registry,
        )
        self._failures = Counter("tunewright_failures", "Failed attempts by class.", ["class"], registry=registry)

    def reconciled(self, seconds: float) -> None:
        """One look is over."""
        self._reconciles.observe(seconds)

    def reconcile_failed(self, error: Exception) -> None:
        """One look has failed."""
        self._errors.labels(type(error).__name__).inc()

    def wrote(self, verb: str, resource: str) -> None:
        """A write was sent."""
        self._writes.labels(verb, resource).inc()

    def relisted(self) -> None:
        """A full list was taken."""
        self._relists.inc()

    def leads(self, leads: bool) -> None:
        """Whether this replica leads."""
        self._leader.set(1 if leads else 0)

    def transition(self, old: FineTuneJobStatus, new: FineTuneJobStatus) -> None:
        """A status write was accepted."""
        before = {step.name: step for step in old.steps}
        for step in new.steps:
            known = before.get(step.name)
            if step.state is StepState.SUCCEEDED and (known is None or known.state is not StepState.SUCCEEDED):
                start, finish = parse_time(step.start_time), parse_time(step.finish_time)
                if start and finish:
                    # The names of stages are the users' own: one label for all of them keeps the number of series bounded.
                    kind = "train" if step.name.startswith("train-") else step.name
                    self._steps.labels(kind).observe((finish - start).total_seconds())
            failure = step.last_failure
            if failure is not None and failure != (known.last_failure if known else None):
                self._failures.labels(str(failure.failure_class)).inc()
        if new.failure is not None and new.failure != old.failure and new.failure.step is None:
            self._failures.labels(str(new.failure.failure_class)).inc()

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self._registry)
