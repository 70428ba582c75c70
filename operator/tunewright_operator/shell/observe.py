"""Collects what a decision may look at: from the cache, and live wherever a stale cache could cost a second Job or a lost result."""

from datetime import UTC, datetime
from typing import Any

from tunewright_api import names
from tunewright_api.adapter_monitor import MonitorReport
from tunewright_api.run import ProgressReport
from tunewright_api.status import StepState, StepStatus
from tunewright_operator.core.classify import is_starting
from tunewright_operator.core.monitor_plan import monitor_name
from tunewright_operator.core.parse import controller_uid, job_view, pod_view
from tunewright_operator.core.types import AdapterMonitor, FineTuneJob, MonitorObserved, Observed, PodView
from tunewright_operator.shell.cache import Cache
from tunewright_operator.shell.client import Client
from tunewright_operator.shell.errors import NotFound
from tunewright_operator.shell.event_words import EventWords
from tunewright_operator.shell.progress import Puller
from tunewright_operator.shell.queue_words import queue_words
from tunewright_operator.shell.refusals import POD_WARNED, Refusals
from tunewright_operator.shell.resources import (
    ADAPTER_MONITORS,
    DEPLOYMENTS,
    FINE_TUNE_JOBS,
    JOBS,
    PODS,
    is_watched,
)
from tunewright_operator.shell.workqueue import Key

Body = dict[str, Any]
CONTROLLER_UID_LABEL = "batch.kubernetes.io/controller-uid"
"""Set on pods by the Job controller itself."""
ENDED = ("Succeeded", "Failed")


class Observer:
    """Reads; writes nothing but the cache."""

    def __init__(
        self,
        client: Client,
        cache: Cache,
        refusals: Refusals,
        events: EventWords,
        progress: Puller[ProgressReport],
        reports: Puller[MonitorReport],
    ) -> None:
        self._client = client
        self._cache = cache
        self._refusals = refusals
        self._events = events
        self._progress = progress
        self._reports = reports

    async def fine_tune_job(self, job: FineTuneJob) -> Observed:
        """All that a decision about `job` may look at."""
        key = Key(FINE_TUNE_JOBS.kind, job.namespace, job.name)
        open_steps = [step for step in job.status.steps if step.state in _OPEN]
        for step in open_steps:
            await self._confirm(job, key, step)
        jobs = self._jobs(key, open_steps)
        pods = self._pods(key, job.uid)
        for step in open_steps:
            await self._explain_waits(job.namespace, step, jobs, pods)
        words = self._refusals.of(job.namespace, [step.job_name for step in job.status.steps])
        progress, silence = await self._progress_of(open_steps, pods)
        return Observed(
            now=datetime.now(UTC),
            jobs=tuple(job_view(body) for body in jobs),
            pods=pods,
            progress=progress,
            progress_silence_seconds=silence,
            refusals={**words, **await self._queue_words(job.namespace, jobs)},
            vanished=frozenset(
                step.job_name
                for step in open_steps
                if self._cache.was_made(JOBS, job.namespace, step.job_name)
                and self._cache.get(JOBS, job.namespace, step.job_name) is None
            ),
        )

    async def monitor(self, monitor: AdapterMonitor) -> MonitorObserved:
        """All that a decision about `monitor` may look at."""
        key = Key(ADAPTER_MONITORS.kind, monitor.namespace, monitor.name)
        deployments = [body for body in self._cache.children(DEPLOYMENTS, key) if controller_uid(body) == monitor.uid]
        pods = self._pods(key, None)
        running = [pod for pod in pods if _answers(pod)]
        name = monitor_name(monitor.name)
        return MonitorObserved(
            now=datetime.now(UTC),
            deployment=deployments[0] if deployments else None,
            pod=pods[-1] if pods else None,
            report=await self._reports.report(running[-1].uid, running[-1].ip or "") if running else None,
            refusal=self._refusals.of(monitor.namespace, [name]).get(name),
        )

    def _jobs(self, key: Key, steps: list[StepStatus]) -> tuple[Body, ...]:
        """By label and by name: a stranger's Job of our name has no label of ours, and labels can be taken off."""
        named = [self._cache.get(JOBS, key.namespace, step.job_name) for step in steps]
        found = {
            body["metadata"]["name"]: body for body in (*self._cache.children(JOBS, key), *named) if body is not None
        }
        return tuple(found.values())

    def _pods(self, key: Key, owner_uid: str | None) -> tuple[PodView, ...]:
        """Pods of an owner, the newest last."""
        bodies = self._cache.children(PODS, key)
        mine = [
            body
            for body in bodies
            if owner_uid is None or body["metadata"]["labels"].get(names.JOB_UID_LABEL) == owner_uid
        ]
        mine.sort(key=lambda body: (body["metadata"].get("creationTimestamp", ""), body["metadata"]["name"]))
        return tuple(pod_view(body) for body in mine)

    async def _confirm(self, job: FineTuneJob, key: Key, step: StepStatus) -> None:
        """Two facts end an attempt, and neither is taken from the cache alone: that its Job is gone, and how its pods ended."""
        body = self._cache.get(JOBS, job.namespace, step.job_name)
        made = step.job_uid is not None or self._cache.was_made(JOBS, job.namespace, step.job_name)
        vanished = body is None and made
        # The Jobs of others are not watched, nor is one of ours whose labels somebody has taken off.
        unwatched = body is not None and not (controller_uid(body) == job.uid and is_watched(body))
        if vanished or unwatched:
            body = await self._look(job.namespace, step.job_name)
        if body is None:
            return
        view = job_view(body)
        pods = [pod for pod in self._pods(key, job.uid) if pod.job_uid == view.uid]
        ended = bool(pods) and all(pod.phase in ENDED for pod in pods)
        if (view.complete or view.failed) and not ended:
            # Jobs and pods come by two watches: the pod's last words may be still under way.
            listing = await self._client.list(PODS, job.namespace, f"{CONTROLLER_UID_LABEL}={view.uid}")
            for pod in listing.items:
                self._cache.observe(PODS, pod)

    async def _look(self, namespace: str, name: str) -> Body | None:
        deleted_before = self._cache.deleted_at(JOBS, namespace, name)
        try:
            self._cache.found(JOBS, await self._client.get(JOBS, namespace, name), deleted_before)
        except NotFound:
            self._cache.gone(JOBS, namespace, name)
        return self._cache.get(JOBS, namespace, name)

    async def _explain_waits(
        self, namespace: str, step: StepStatus, jobs: tuple[Body, ...], pods: tuple[PodView, ...]
    ) -> None:
        """A refused pod leaves no condition on its Job, only an event; so does a pod whose volumes cannot be mounted."""
        body = next((body for body in jobs if body["metadata"]["name"] == step.job_name), None)
        if body is None:
            return
        view = job_view(body)
        waiting = not (view.suspended or view.complete or view.failed or view.deleting)
        mine = [pod for pod in pods if pod.job_uid == view.uid]
        if waiting and not mine:
            await self._refusals.look_up(namespace, view.name, view.uid)
        elif waiting and is_starting(mine[-1]):
            await self._refusals.look_up(namespace, view.name, mine[-1].uid, POD_WARNED)
        else:
            self._refusals.clear(namespace, view.name)

    async def _queue_words(self, namespace: str, jobs: tuple[Body, ...]) -> dict[str, str]:
        """What lets suspended Jobs wait, by their names."""
        waiting = [view.name for view in map(job_view, jobs) if view.suspended and not (view.failed or view.complete)]
        return {name: await queue_words(self._events, namespace, name) for name in waiting}

    async def _progress_of(
        self, steps: list[StepStatus], pods: tuple[PodView, ...]
    ) -> tuple[ProgressReport | None, float]:
        """The newest report, and for how long there has been none."""
        uids = {step.job_uid for step in steps if step.state is StepState.RUNNING}
        running = [pod for pod in pods if pod.job_uid in uids and _answers(pod)]
        if not running:
            return None, 0.0
        report = await self._progress.report(running[-1].uid, running[-1].ip or "")
        return report, self._progress.silence_seconds(running[-1].uid)


_OPEN = (StepState.PENDING, StepState.RUNNING, StepState.STOPPING)


def _answers(pod: PodView) -> bool:
    return pod.phase == "Running" and pod.ip is not None
