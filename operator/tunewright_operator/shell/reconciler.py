"""One look at one object: observe, decide, act, decide again, write the status once, tell. Decisions are `core`'s."""

from dataclasses import dataclass
from typing import Any

from tunewright_operator.core.monitor_plan import plan_monitor
from tunewright_operator.core.parse import parse_job_object, parse_monitor_object, unreadable_run
from tunewright_operator.core.plan import plan
from tunewright_operator.core.types import Event, MonitorPlan, Plan, Settings
from tunewright_operator.shell.cache import Cache
from tunewright_operator.shell.client import Client
from tunewright_operator.shell.errors import AlreadyExists, ClusterError, NotFound, NotLeading
from tunewright_operator.shell.execute import Executor
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
class Reconciler:
    """Brings one object nearer to what its spec says."""

    client: Client
    cache: Cache
    observer: Observer
    executor: Executor
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
        decision = await self._decide_and_act(resource, body)
        written = await self._write_status(resource, body, decision)
        soonest = self._soonest(key, decision)
        # Looking again at once makes sense only at something new: whatever decides otherwise must not spin.
        return soonest if soonest is None or written else max(soonest, SHORTEST_PAUSE)

    async def refresh(self, key: Key) -> None:
        """Replace what is known of `key` by a quorum read."""
        resource = FINE_TUNE_JOBS if key.kind == FINE_TUNE_JOBS.kind else ADAPTER_MONITORS
        try:
            self.cache.observe(resource, await self.client.get(resource, key.namespace, key.name))
        except NotFound:
            self.cache.gone(resource, key.namespace, key.name)

    def _soonest(self, key: Key, decision: Plan | MonitorPlan) -> float | None:
        steps = [step.job_name for step in decision.status.steps] if isinstance(decision, Plan) else []
        waits = (decision.requeue_after, self.executor.next_try(key.namespace, steps))
        return min((wait for wait in waits if wait is not None), default=None)

    async def _decide_and_act(self, resource: Resource, body: Body) -> Plan | MonitorPlan:
        decision = await self._decide(resource, body)
        for _ in range(MOST_ROUNDS):
            if not decision.actions:
                break
            await self.executor.execute(resource, body, decision.actions)
            decision = await self._decide(resource, body)
        return decision

    async def _decide(self, resource: Resource, body: Body) -> Plan | MonitorPlan:
        if resource is FINE_TUNE_JOBS:
            job = parse_job_object(body)
            return plan(job, await self.observer.fine_tune_job(job), self.settings)
        monitor = parse_monitor_object(body)
        return plan_monitor(monitor, await self.observer.monitor(monitor), self.settings)

    async def _write_status(self, resource: Resource, body: Body, decision: Plan | MonitorPlan) -> bool:
        """One write, and only if something changed; whether there was one."""
        patch = status_patch(body, type(decision.status), decision.status.to_wire())
        if not patch:
            return False
        written = await self.client.patch_status(resource, body["metadata"], patch)
        self.cache.observe(resource, written)
        self._note_transition(body, decision)
        for event in decision.events:
            await self._tell(resource, written, event)
        return True

    def _note_transition(self, body: Body, decision: Plan | MonitorPlan) -> None:
        if isinstance(decision, MonitorPlan):
            return
        before = parse_job_object(body).status
        self.metrics.transition(before, decision.status)
        if (before.phase, before.step) != (decision.status.phase, decision.status.step):
            logger.info(
                "A run has moved on",
                extra={
                    "namespace": body["metadata"]["namespace"],
                    "object": body["metadata"]["name"],
                    "run": decision.status.run_id,
                    "phase": decision.status.phase,
                    "step": decision.status.step,
                    "phase_before": before.phase,
                    "step_before": before.step,
                },
            )

    async def _tell(self, resource: Resource, body: Body, event: Event) -> None:
        """An event is a courtesy: losing one must not repeat a decision that is stored already."""
        try:
            await self.client.create_event(resource, body, event)
        except (AlreadyExists, NotLeading):
            return
        except ClusterError as error:
            logger.warning(
                "An event was not accepted",
                extra={
                    "namespace": body["metadata"]["namespace"],
                    "object": body["metadata"]["name"],
                    "words": str(error),
                },
            )
