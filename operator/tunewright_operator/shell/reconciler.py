"""One look at one object: observe, decide, act, decide again, write the status once, tell. Decisions are `core`'s."""

import time
from dataclasses import dataclass
from typing import Any

from tunewright_operator.core.monitor_plan import plan_monitor
from tunewright_operator.core.parse import parse_job_object, parse_monitor_object, unreadable_run
from tunewright_operator.core.plan import plan
from tunewright_operator.core.types import AdapterMonitor, CreateJob, FineTuneJob, MonitorPlan, Plan, Settings
from tunewright_operator.shell.cache import Cache
from tunewright_operator.shell.client import Client
from tunewright_operator.shell.errors import NotFound
from tunewright_operator.shell.events import Teller
from tunewright_operator.shell.execute import Executor, Written
from tunewright_operator.shell.logs import logger
from tunewright_operator.shell.metrics import Metrics
from tunewright_operator.shell.observe import Observer
from tunewright_operator.shell.resources import ADAPTER_MONITORS, FINE_TUNE_JOBS, Resource
from tunewright_operator.shell.status_patch import status_patch
from tunewright_operator.shell.workqueue import Key

Body = dict[str, Any]
SHORTEST_PAUSE = 1.0
UNREADABLE_PAUSE = 300.0
MOST_ROUNDS = 3
"""Deciding, acting and deciding again converges in two; the third is for a race lost once."""


@dataclass(frozen=True)
class _Look:
    """What one look has come to."""

    pause: float | None
    """Seconds until the next one; None to wait for the next event."""
    written: Written | None = None
    created: bool = False
    """A Job was asked for."""


@dataclass(frozen=True)
class Reconciler:
    """Brings one object nearer to what its spec says."""

    client: Client
    cache: Cache
    observer: Observer
    executor: Executor
    teller: Teller
    metrics: Metrics
    settings: Settings

    async def reconcile(self, key: Key) -> float | None:
        """Look at `key`; seconds until it must be looked at again, None to wait for the next event."""
        resource = FINE_TUNE_JOBS if key.kind == FINE_TUNE_JOBS.kind else ADAPTER_MONITORS
        body = self.cache.get(resource, key.namespace, key.name)
        if body is None:
            return None
        foreign = unreadable_run(body) if resource is FINE_TUNE_JOBS else None
        if foreign is not None:
            logger.warning(
                "A newer operator has written this status; it is left alone",
                extra={"object": str(key), "words": foreign},
            )
            return UNREADABLE_PAUSE
        look = await self._look(key, resource, body, None)
        body = self.cache.get(resource, key.namespace, key.name) if look.written and look.pause == 0 else None
        if body is not None:
            # An attempt is recorded and its Job comes next: through the queue it would stand behind a whole crowd.
            look = await self._look(key, resource, body, look.written)
        # Looking again at once makes sense only at something new: whatever decides otherwise must not spin.
        new = look.pause is None or look.written or look.created
        return look.pause if new else max(look.pause or 0.0, SHORTEST_PAUSE)

    async def _look(self, key: Key, resource: Resource, body: Body, written: Written | None) -> _Look:
        """Decide, act, decide again, and write what came of it. `written` is the own write that `body` came from."""
        subject = parse_job_object(body) if resource is FINE_TUNE_JOBS else parse_monitor_object(body)
        decision = await self._decide(subject)
        for _ in range(MOST_ROUNDS):
            if not decision.actions:
                break
            await self.executor.execute(resource, body, decision.actions, written)
            if any(isinstance(action, CreateJob) for action in decision.actions):
                # That it is there is written down at the queue's end: objects whose Job is still missing come first.
                return _Look(0.0, created=True)
            decision = await self._decide(subject)
        steps = [step.job_name for step in decision.status.steps] if isinstance(decision, Plan) else []
        waits = (decision.requeue_after, self.executor.next_try(key.namespace, steps))
        pause = min((wait for wait in waits if wait is not None), default=None)
        return _Look(pause, await self._write_status(resource, body, subject, decision))

    async def refresh(self, key: Key) -> None:
        """Replace what is known of `key` by a quorum read."""
        resource = FINE_TUNE_JOBS if key.kind == FINE_TUNE_JOBS.kind else ADAPTER_MONITORS
        try:
            self.cache.observe(resource, await self.client.get(resource, key.namespace, key.name))
        except NotFound:
            self.cache.gone(resource, key.namespace, key.name)

    async def _decide(self, subject: FineTuneJob | AdapterMonitor) -> Plan | MonitorPlan:
        if isinstance(subject, FineTuneJob):
            return plan(subject, await self.observer.fine_tune_job(subject), self.settings)
        return plan_monitor(subject, await self.observer.monitor(subject), self.settings)

    async def _write_status(
        self, resource: Resource, body: Body, subject: FineTuneJob | AdapterMonitor, decision: Plan | MonitorPlan
    ) -> Written | None:
        """One write, and only if something changed."""
        patch = status_patch(body, type(decision.status), decision.status.to_wire())
        if not patch:
            return None
        sent = time.monotonic()
        stored = await self.client.patch_status(resource, body["metadata"], patch)
        self.cache.observe(resource, stored)
        if isinstance(subject, FineTuneJob) and isinstance(decision, Plan):
            self._note_transition(subject, decision)
        for event in decision.events:
            self.teller.tell(resource, stored, event)
        return Written(stored["metadata"]["resourceVersion"], sent)

    def _note_transition(self, job: FineTuneJob, decision: Plan) -> None:
        before, after = job.status, decision.status
        self.metrics.transition(before, after)
        if (before.phase, before.step) != (after.phase, after.step):
            logger.info(
                "A run has moved on",
                extra={
                    "namespace": job.namespace,
                    "object": job.name,
                    "run": after.run_id,
                    "phase": after.phase,
                    "step": after.step,
                    "phase_before": before.phase,
                    "step_before": before.step,
                },
            )
