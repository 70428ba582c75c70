"""One scenario under one fault, from an empty namespace to a quiet end."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from builders import spec
from faults.exchange import Body, Exchange
from faults.fault import Fault
from faults.operator_fork import OperatorFork
from faults.played_controllers import FINE_TUNE_JOBS, JOBS, namespaced
from faults.proxy import Proxy
from faults.scenarios import Act, Scenario
from faults.world import World
from operator_process import SYSTEM_NAMESPACE
from played_kubelet import Ending
from tunewright_api import names
from tunewright_api.run import RunConfig

NAME = "demo"
PATIENCE_SECONDS = 120.0
"""Within this time after the last fault has cleared, a run must have reached its end."""
QUIET_SECONDS = 0.8
LONGEST_UNREST = 15.0
"""Who still writes after this does so for ever."""
RESTS = 3
"""So many times in a row somebody must write at rest to be called restless."""
RESTART_SECONDS = 0.1
BYSTANDERS = ("bystander", "bystander-in-disguise")


@dataclass
class Outcome:
    """All that the oracles look at."""

    scenario: Scenario
    fault: str
    namespace: str
    exchanges: list[Exchange] = field(default_factory=list)
    seen: list[Body] = field(default_factory=list)
    """Every event of FineTuneJobs, Jobs and pods, as the API server had them."""
    job: Body | None = None
    """The FineTuneJob in the end."""
    children: list[Body] = field(default_factory=list)
    """The Jobs that are left in the end, bystanders included."""
    bystanders: list[Body] = field(default_factory=list)
    """The Jobs of others, as they were before."""
    late: list[Exchange] = field(default_factory=list)
    """Writes after the end was reached and things had settled."""
    fenced_at: dict[str, int] = field(default_factory=dict)
    """Process -> how many exchanges there were when another had taken its place."""
    exits: list[str] = field(default_factory=list)
    """Processes that ended by themselves."""
    tracebacks: list[str] = field(default_factory=list)
    open_watches: list[str] = field(default_factory=list)
    costs_attempts: bool = False
    allowance: int = 0
    """Jobs for which a GPU was asked because the fault has ended others."""
    ends_gone: bool = False
    reached: bool = False
    fired: bool = False
    """Whether the fault came to pass."""
    seconds: float = 0.0


class Trial:
    """Runs it. Faults reach everything through this object."""

    def __init__(self, world: World, scenario: Scenario, fault: Fault) -> None:
        self.world, self.scenario, self.fault = world, scenario, fault
        self.namespace = f"f{world.next_number()}"
        self.proxy = Proxy(world.upstream, fault)
        self.outcome = Outcome(scenario, str(fault), self.namespace, exchanges=self.proxy.exchanges)
        self.replicas: dict[str, OperatorFork] = {}
        self._lives: dict[str, int] = {}
        self._expected_ends: set[str] = set()
        self._minders: set[asyncio.Task[None]] = set()
        self._logs: list[OperatorFork] = []
        fault.trial = self

    @property
    def path(self) -> str:
        """The FineTuneJob's."""
        return namespaced(FINE_TUNE_JOBS, self.namespace, NAME)

    @property
    def job(self) -> Body | None:
        """The FineTuneJob as the API server has it."""
        return self.world.played.latest.get(("FineTuneJob", self.namespace, NAME))

    async def run(self) -> Outcome:
        """All of it."""
        began = time.monotonic()
        try:
            await self._prepare()
            await self.start("replica-a")
            harm = asyncio.create_task(self.fault.harm())
            try:
                await self.create_job()
                await self._play()
                await self._wait_for_end(harm)
            finally:
                harm.cancel()
                await asyncio.gather(harm, return_exceptions=True)
            await self._settle()
        finally:
            await self._clean_up()
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    async def start(self, replica: str, **variables: str) -> None:
        """Start a replica, or its next life."""
        life = self._lives.get(replica, 0) + 1
        self._lives[replica] = life
        name = f"{replica}/{life}"
        server = await self.proxy.listen(name)
        file = f"{self.namespace}-{replica}-{life}"
        environment = {
            "KUBECONFIG": str(self.world.kubeconfig(server, file)),
            "TUNEWRIGHT_TRAINER_IMAGE": "trainer:test",
            "TUNEWRIGHT_MONITOR_IMAGE": "operator:test",
            "TUNEWRIGHT_NAMESPACES": self.namespace,
            "TUNEWRIGHT_LEASE_NAME": self.namespace,
            "TUNEWRIGHT_WORKERS": "4",
            "TUNEWRIGHT_PORT": "0",
            "POD_NAME": replica,
            "POD_NAMESPACE": SYSTEM_NAMESPACE,
            **self.fault.variables,
            **variables,
        }
        fork = OperatorFork(name, environment, self.world.directory / f"{file}.log")
        self.replicas[replica] = fork
        self._logs.append(fork)
        minder = asyncio.create_task(self._mind(replica, fork))
        self._minders.add(minder)
        minder.add_done_callback(self._minders.discard)

    def kill(self, replica: str = "replica-a") -> None:
        """SIGKILL, and nothing more of it reaches the API server. The kubelet starts it again."""
        fork = self.replicas[replica]
        self.proxy.bar(fork.name)
        self._expected_ends.add(fork.name)
        fork.kill()

    def kill_for_good(self, replica: str = "replica-a") -> None:
        """SIGKILL without the kubelet's restart."""
        fork = self.replicas.pop(replica)
        self.proxy.bar(fork.name)
        self._expected_ends.add(fork.name)
        fork.kill()

    def expect_end(self, replica: str) -> None:
        """The process may end by itself from now on."""
        self._expected_ends.add(self.replicas[replica].name)

    async def until(self, look: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> bool:
        """Wait; whether it came to be."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if look():
                return True
            await asyncio.sleep(0.01)
        return False

    async def until_job(self, when: Callable[[Body], bool], seconds: float = PATIENCE_SECONDS) -> bool:
        """Wait for something about the FineTuneJob."""
        return await self.until(lambda: self.job is not None and when(self.job), "", seconds)

    async def create_job(self) -> None:
        """As the user does it."""
        body = {"apiVersion": names.API_VERSION, "kind": "FineTuneJob", "metadata": {"name": NAME}}
        changes = {"stages": self.scenario.stages}
        await self.world.api.create(namespaced(FINE_TUNE_JOBS, self.namespace), {**body, "spec": spec(**changes)})

    async def _mind(self, replica: str, fork: OperatorFork) -> None:
        """The kubelet: a process that has ended is started again."""
        while fork.exit_code is None:
            await asyncio.sleep(0.02)
        if fork.name not in self._expected_ends:
            self.outcome.exits.append(f"{fork.name} ended with {fork.exit_code}")
        await asyncio.sleep(RESTART_SECONDS)
        if self.replicas.get(replica) is fork:
            await self.start(replica)

    async def _prepare(self) -> None:
        api, namespace = self.world.api, self.namespace
        self.world.played.scripts[namespace] = self._script
        await api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
        await api.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "default"}})
        if self.scenario.quota:
            quotas = f"/api/v1/namespaces/{namespace}/resourcequotas"
            body = {"metadata": {"name": "none"}, "spec": {"hard": self.scenario.quota}}
            await api.create(quotas, body)
            counted = {"hard": self.scenario.quota, "used": self.scenario.quota}
            await api.patch(f"{quotas}/none/status", {"status": counted})
        else:
            self.outcome.bystanders = [await self._plant(name) for name in BYSTANDERS]

    def _script(self, config: RunConfig) -> Ending | None:
        """The scenario's, except that training runs on until a deed that is aimed at it has been done."""
        if self.fault.holds_training and not self.fault.fired and config.step == "train-sft":
            return None
        return self.scenario.script(config)

    async def _plant(self, name: str) -> Body:
        """A Job of somebody else; one of them wears our labels."""
        ours = {names.MANAGED_BY_LABEL: names.MANAGED_BY, names.JOB_LABEL: NAME, names.STEP_LABEL: "train-sft"}
        labels = ours if name == BYSTANDERS[1] else {}
        template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "x", "image": "x"}]}}
        body = {"metadata": {"name": name, "labels": labels}, "spec": {"suspend": True, "template": template}}
        return await self.world.api.create(namespaced(JOBS, self.namespace), body)

    async def _play(self) -> None:
        for act in self.scenario.acts:
            if not await self.until_job(act.when, PATIENCE_SECONDS + self.fault.lasts):
                return
            await self._do(act)

    async def _do(self, act: Act) -> None:
        if act.delete:
            await self.world.api.delete(self.path)
        if act.change:
            await self.world.api.patch(self.path, {"spec": act.change})
        if act.lift_quota:
            await self.world.api.delete(f"/api/v1/namespaces/{self.namespace}/resourcequotas/none")

    async def _wait_for_end(self, harm: "asyncio.Task[None]") -> None:
        async def ended() -> bool:
            if self.scenario.gone or self.fault.ends_gone:
                return await self.until(lambda: self.job is None and not self._live_children(), "")
            return await self.until_job(self.scenario.end)

        with contextlib.suppress(TimeoutError):
            # A fault that has not come to pass by now waits for something that never happens.
            await asyncio.wait_for(
                asyncio.shield(harm), self.fault.lasts + PATIENCE_SECONDS if self.fault.must_end else 0.01
            )
        self.outcome.reached = await ended()

    def _live_children(self) -> list[Body]:
        latest = self.world.played.latest
        return [
            body
            for (kind, namespace, name), body in latest.items()
            if namespace == self.namespace and kind in ("Job", "Pod") and name not in BYSTANDERS
        ]

    async def _settle(self) -> None:
        """Let it come to rest, then watch that it stays so."""
        outcome, api = self.outcome, self.world.api
        for _ in range(RESTS):
            await self._come_to_rest()
            rest = len(self.proxy.exchanges)
            await self.fault.at_rest()
            await asyncio.sleep(QUIET_SECONDS)
            outcome.late = [exchange for exchange in self.proxy.exchanges[rest:] if exchange.is_write]
            # A straggler of a process that got no processor is forgiven once or twice; a restart must cause nothing at all.
            if not outcome.late or self.fault.restarts:
                break
        outcome.open_watches = sorted(f"{watch.process} {watch.resource}" for watch in self.proxy.watches)
        outcome.job = await api.find(self.path)
        outcome.children = await api.items(namespaced(JOBS, self.namespace))
        outcome.seen = list(self.world.played.seen.get(self.namespace, []))
        outcome.fired = self.fault.fired
        outcome.costs_attempts, outcome.allowance = self.fault.costs_attempts, self.fault.allowance
        outcome.ends_gone = self.fault.ends_gone

    async def _come_to_rest(self) -> None:
        """Until for a second nothing was written, nothing that was sent is unanswered and no process waits for the processor."""
        deadline = time.monotonic() + LONGEST_UNREST
        count, since = self.proxy.writes, time.monotonic()
        while time.monotonic() < min(deadline, since + 1.0):
            await asyncio.sleep(0.05)
            busy = self.proxy.has_unanswered() or any(fork.wants_to_run for fork in self.replicas.values())
            if busy or self.proxy.writes != count:
                count, since = self.proxy.writes, time.monotonic()

    async def _clean_up(self) -> None:
        for minder in tuple(self._minders):
            minder.cancel()
        for fork in self.replicas.values():
            fork.kill()
        self.outcome.tracebacks = [line for fork in self._logs for line in fork.tracebacks()]
        await self.proxy.close()
        played = self.world.played
        with contextlib.suppress(Exception):
            await played.empty_namespace(self.namespace)
        played.scripts.pop(self.namespace, None)
        played.seen.pop(self.namespace, None)
        for key in [key for key in played.latest if key[1] == self.namespace]:
            del played.latest[key]
