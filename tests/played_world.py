"""A cluster in a few dicts, for driving the operator's decisions through whatever may happen; no API server, no time."""

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from builders import NOW, SETTINGS, UID, result, spec
from tunewright_api import names
from tunewright_api.run import ProgressReport
from tunewright_api.status import FineTuneJobStatus, Progress
from tunewright_operator.core.conditions import is_finished
from tunewright_operator.core.parse import parse_job_object
from tunewright_operator.core.plan import plan
from tunewright_operator.core.types import CreateJob, DeleteJob, FineTuneJob, JobView, Observed, Plan, PodView

MOST_ROUNDS = 3
"""As the reconciler's."""


class World:
    """One FineTuneJob, its Jobs and pods, and an operator that looks, acts and stores."""

    def __init__(self) -> None:
        self.now = NOW
        self.spec: dict[str, Any] = spec()
        self.generation = 1
        self.stored: dict[str, Any] | None = None
        self.jobs: dict[str, JobView] = {}
        self.pods: dict[str, PodView] = {}
        self.stale: tuple[dict[str, JobView], dict[str, PodView]] | None = None
        """What the operator's cache still shows, if it lags behind."""
        self.refused: set[str] = set()
        self.progress: ProgressReport | None = None
        """What the running pod answers, if it can be asked."""
        self.silent_since = NOW
        self.creations: Counter[str] = Counter()
        self.deleted_by_others: set[str] = set()
        self._uids = 0

    # --- what the operator sees and does

    def job(self) -> FineTuneJob:
        """The object as it is stored."""
        metadata = {
            "name": "tune",
            "namespace": "team-a",
            "uid": UID,
            "generation": self.generation,
            "resourceVersion": "1",
        }
        body = {"metadata": metadata, "spec": self.spec}
        return parse_job_object(body if self.stored is None else {**body, "status": self.stored})

    def status(self) -> FineTuneJobStatus:
        """Its status."""
        return self.job().status

    def observed(self) -> Observed:
        """Through the cache, which may lag, but knows what this operator itself has written."""
        jobs, pods = self.stale or (self.jobs, self.pods)
        refusals: Mapping[str, str] = {name: "exceeded quota" for name in self.refused}
        silence = 0.0 if self.progress else max(0.0, (self.now - self.silent_since).total_seconds())
        return Observed(
            now=self.now,
            jobs=tuple(jobs.values()),
            pods=tuple(pods.values()),
            progress=self.progress,
            progress_silence_seconds=silence,
            refusals=refusals,
        )

    def decide(self) -> Plan:
        """One decision, with nothing done about it."""
        return plan(self.job(), self.observed(), SETTINGS)

    def reconcile(self, *, crash_before_storing: bool = False) -> Plan:
        """Look, act, look again, store, as the shell does."""
        decision = self.decide()
        for _ in range(MOST_ROUNDS):
            if not decision.actions:
                break
            for action in decision.actions:
                self._execute(action)
            decision = self.decide()
        if not crash_before_storing:
            self.stored = json.loads(json.dumps(decision.status.to_wire()))
        return decision

    def _execute(self, action: object) -> None:
        if isinstance(action, CreateJob):
            self._create(action.name)
        elif isinstance(action, DeleteJob):
            self._delete(action)

    def _create(self, name: str) -> None:
        recorded = {step.job_name: step for step in self.status().steps}
        assert name in recorded, f"{name} is created, and no stored status knows of it"
        assert recorded[name].job_uid is None, f"{name} is created again, and its uid is recorded"
        if name in self.refused:
            return
        if name not in self.jobs:
            self._uids += 1
            self.creations[name] += 1
            uid = f"uid-{self._uids}"
            self.jobs[name] = JobView(name=name, uid=uid, owner_uid=UID, active=1)
            self.pods[name] = PodView(
                name=f"{name}-pod", uid=f"pod-{uid}", job_uid=uid, phase="Pending", created=self.now
            )
        self._show(name)

    def _delete(self, action: DeleteJob) -> None:
        live = self.jobs.get(action.name)
        if live is not None and live.uid == action.uid:
            self.jobs[action.name] = dataclasses.replace(live, deleting=True)
        self._show(action.name)

    def _show(self, name: str) -> None:
        """What a write answers goes into the cache at once."""
        if self.stale is not None:
            jobs, pods = self.stale
            jobs.pop(name, None)
            if name in self.jobs:
                jobs[name] = self.jobs[name]
            if name in self.pods:
                pods[name] = self.pods[name]

    # --- what happens by itself

    def active(self) -> list[str]:
        """Jobs whose pod may still do something."""
        return [name for name, job in self.jobs.items() if not (job.complete or job.failed)]

    def step_of(self, name: str) -> tuple[str, int]:
        """Step and attempt of a Job."""
        step, _, attempt = name.removeprefix(f"tune-{names.uid8(UID)}-").rpartition("-a")
        return step, int(attempt)

    def run_pod(self, name: str) -> None:
        """The pod starts."""
        self.pods[name] = dataclasses.replace(self.pods[name], phase="Running", node="node-1", unscheduled_message="")

    def wait_for_room(self, name: str) -> None:
        """The scheduler finds no node."""
        self.pods[name] = dataclasses.replace(self.pods[name], unscheduled_message="0/1 nodes are available")

    def report(self, name: str, figure: int) -> None:
        """The pod answers the operator, with something new or not."""
        step, attempt = self.step_of(name)
        self.progress = ProgressReport(progress=Progress(step=step, attempt=attempt, global_step=figure))

    def fall_silent(self) -> None:
        """It does not answer any more."""
        if self.progress is not None:
            self.progress, self.silent_since = None, self.now

    def succeed(self, name: str, *, message: str | None = None) -> None:
        """The pod ends well; `message` is what is left of its words."""
        text = result(*self.step_of(name)) if message is None else message
        self.jobs[name] = dataclasses.replace(self.jobs[name], complete=True, active=0)
        self.pods[name] = dataclasses.replace(self.pods[name], phase="Succeeded", exit_code=0, termination_message=text)

    def fail(self, name: str, **shown: Any) -> None:
        """The pod ends badly."""
        self.jobs[name] = dataclasses.replace(self.jobs[name], failed=True, active=0, failure_reason="PodFailurePolicy")
        self.pods[name] = dataclasses.replace(self.pods[name], phase="Failed", **shown)

    def lose_pods(self, name: str) -> None:
        """The node was deleted, and its pods with it."""
        self.pods.pop(name, None)

    def vanish(self, name: str) -> None:
        """Somebody deletes the Job."""
        self.deleted_by_others.add(name)
        self.jobs.pop(name)
        self.pods.pop(name, None)

    def finish_deletions(self) -> None:
        """Pods have ended; the garbage collector removes their Jobs."""
        for name in [name for name, job in self.jobs.items() if job.deleting]:
            self.jobs.pop(name)
            self.pods.pop(name, None)

    def lag(self) -> None:
        """From now on the cache shows this moment."""
        self.stale = (dict(self.jobs), dict(self.pods))

    def catch_up(self) -> None:
        """The cache is current again."""
        self.stale = None

    def change(self, **fields: Any) -> None:
        """The user changes the spec."""
        self.spec = {**self.spec, **fields}
        self.generation += 1

    def pass_time(self, seconds: float) -> None:
        """Time goes by, or the clock is set back."""
        self.now += timedelta(seconds=seconds)

    def finished(self) -> bool:
        """Whether the run is over."""
        return is_finished(self.status())
