"""What people and other controllers do to our objects while a run goes on."""

import asyncio
import contextlib
import signal
from typing import Any

from faults.admin import AdminError
from faults.crashes import CrashAfter
from faults.exchange import Body, Exchange
from faults.fault import Fault
from faults.operator_fork import SKEW_VARIABLE
from faults.played_controllers import JOBS, PODS, namespaced
from faults.scenarios import Scenario, training
from faults.trial import BYSTANDERS
from tunewright_api import names
from tunewright_operator.shell.resources import WATCHED


class Deed(Fault):
    """Done once, when the first training step has its Job; `down` kills the operator before and starts it after."""

    must_end = True
    holds_training = True

    def __init__(self, down: bool = False) -> None:
        super().__init__()
        self._down = down

    def __str__(self) -> str:
        return self.words + (", while the operator is frozen" if self._down else "")

    words = ""

    async def harm(self) -> None:
        if not await self.run.until_job(training):
            self.fired = self.run.job is None
            return
        if self._down:
            self.run.replicas["replica-a"].signal(signal.SIGSTOP)
        await self.deed()
        if self._down:
            await asyncio.sleep(0.3)
            self.run.replicas["replica-a"].signal(signal.SIGCONT)
        self.fired = True

    async def deed(self) -> None:
        """What is done."""

    async def own_jobs(self) -> list[Body]:
        """The Jobs of the run."""
        jobs = await self.run.world.api.items(namespaced(JOBS, self.run.namespace))
        return [job for job in jobs if job["metadata"]["name"] not in BYSTANDERS]


class ChildDeleted(Deed):
    """Somebody deletes the Job that trains."""

    costs_attempts = True
    allowance = 1

    def __init__(self, propagation: str, down: bool = False) -> None:
        super().__init__(down)
        self._propagation = propagation
        self.words = f"Job deleted by hand ({propagation})"

    async def deed(self) -> None:
        for job in await self.own_jobs():
            if job["metadata"]["labels"].get(names.STEP_LABEL) == "train-sft":
                path = namespaced(JOBS, self.run.namespace, job["metadata"]["name"])
                await self.run.world.api.delete(path, propagationPolicy=self._propagation)


class PodDeleted(Deed):
    """Somebody deletes the pods of our Jobs: finished ones take their words with them."""

    costs_attempts = True
    allowance = 3
    words = "pods deleted by hand"

    async def deed(self) -> None:
        pods = await self.run.world.api.items(namespaced(PODS, self.run.namespace))
        for pod in pods:
            path = namespaced(PODS, self.run.namespace, pod["metadata"]["name"])
            if pod["status"]["phase"] in ("Succeeded", "Failed"):
                await self.run.world.api.delete(path, gracePeriodSeconds=0)


class LabelsTaken(Deed):
    """Somebody strips our labels from our Jobs, so that no watch shows them any more."""

    words = "labels stripped from the Jobs"

    async def deed(self) -> None:
        for job in await self.own_jobs():
            path = namespaced(JOBS, self.run.namespace, job["metadata"]["name"])
            with contextlib.suppress(AdminError):
                await self.run.world.api.patch(
                    path, {"metadata": {"labels": {names.JOB_LABEL: None, names.MANAGED_BY_LABEL: None}}}
                )


class MetadataWiped(Deed):
    """`kubectl replace`, a GitOps tool or a restored backup: annotations and labels of the FineTuneJob go and come."""

    words = "annotations and labels wiped"

    async def deed(self) -> None:
        noise: dict[str, Any] = {"annotations": {"a": "b"}, "labels": {"team": "x"}}
        with contextlib.suppress(AdminError):
            await self.run.world.api.patch(self.run.path, {"metadata": noise})
            await asyncio.sleep(0.05)
            await self.run.world.api.patch(self.run.path, {"metadata": {"annotations": None, "labels": None}})


class SpecFlickers(Deed):
    """suspend is set, and taken back before the operator has seen it."""

    words = "spec changed and changed back"
    costs_attempts = True
    allowance = 1

    async def deed(self) -> None:
        for value in (True, False):
            with contextlib.suppress(AdminError):
                await self.run.world.api.patch(self.run.path, {"spec": {"suspend": value}})


class Recreated(Deed):
    """The FineTuneJob is deleted and another made under its name: nothing of the first may count for the second."""

    words = "owner deleted and made anew"
    costs_attempts = True
    allowance = 6

    async def deed(self) -> None:
        await self.run.world.api.delete(self.run.path)
        await self.run.until(lambda: self.run.job is None, "")
        await self.run.create_job()


class NamespaceDeleted(Deed):
    """The namespace goes, with all that is in it."""

    words = "namespace deleted"
    costs_attempts = True
    ends_gone = True
    allowance = 3

    async def deed(self) -> None:
        await self.run.world.api.delete(f"/api/v1/namespaces/{self.run.namespace}")
        await self.run.world.played.empty_namespace(self.run.namespace)


class Upgraded(Deed):
    """The operator is replaced by one with another trainer image, and rolled back: a run keeps the image that it began with."""

    words = "operator upgraded and rolled back"

    async def deed(self) -> None:
        for image in ("trainer:next", "trainer:test"):
            self.run.kill_for_good()
            await self.run.start("replica-a", TUNEWRIGHT_TRAINER_IMAGE=image)
            await asyncio.sleep(0.5)


class ServerRestarted(Deed):
    """The API server itself is gone for some seconds; only where nobody else is at work."""

    words = "API server restarted"
    lasts = 30.0

    async def deed(self) -> None:
        await self.run.world.restart_server()


class TwoReplicas(Fault):
    """Two replicas, and the leader is asked to end, again and again."""

    must_end = True

    def __str__(self) -> str:
        return "leader replaced by SIGTERM, three times"

    async def harm(self) -> None:
        await self.run.start("replica-b")
        for replica in ("replica-a", "replica-b", "replica-a"):
            await asyncio.sleep(0.6)
            self.run.expect_end(replica)
            self.run.replicas[replica].signal(signal.SIGTERM)
            self.fired = True


class RestartedAtRest(Fault):
    """Three restarts after the end: nothing is written."""

    restarts = True

    def __str__(self) -> str:
        return "restarted three times at rest"

    async def at_rest(self) -> None:
        for life in range(2, 5):
            self.run.kill()
            # It has looked at everything when it watches every kind.
            self.fired = await self.run.until(lambda: self._watching(f"replica-a/{life}"), "")  # noqa: B023
            await asyncio.sleep(0.3)

    def _watching(self, process: str) -> bool:
        return sum(1 for watch in self.run.proxy.watches if watch.process == process) == len(WATCHED)


class CrashTwice(CrashAfter):
    """A crash, and another one at the very next write."""

    family = "crash, and again at the next write"

    async def on_answered(self, exchange: Exchange) -> None:
        if exchange.number in (self.number, self.number + 1):
            self.fired = True
            self.run.kill()


class ClockWrong(Fault):
    """The operator's clock is wrong."""

    def __init__(self, seconds: int) -> None:
        super().__init__()
        self.variables = {SKEW_VARIABLE: str(seconds)}
        self._seconds = seconds
        self.fired = True

    def __str__(self) -> str:
        return f"clock wrong by {self._seconds:+d} s"


def deeds(scenario: Scenario) -> list[Fault]:
    """All that make sense for a scenario: what ends with the object gone or cancelled is not made anew."""
    found: list[Fault] = [
        MetadataWiped(),
        MetadataWiped(down=True),
        LabelsTaken(),
        PodDeleted(),
        PodDeleted(down=True),
        Upgraded(),
        NamespaceDeleted(),
        NamespaceDeleted(down=True),
        TwoReplicas(),
        RestartedAtRest(),
        ClockWrong(3600),
        ClockWrong(-3600),
    ]
    found += [ChildDeleted(how, down) for how in ("Background", "Foreground", "Orphan") for down in (False, True)]
    if not scenario.acts:
        # Where the user acts himself, a flicker would be a second story.
        found += [SpecFlickers(), SpecFlickers(down=True), Recreated(), Recreated(down=True)]
    return found
