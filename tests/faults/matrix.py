"""Runs scenarios under faults, many at a time, and judges each."""

import asyncio
import collections
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from faults.catalogue import catalogue
from faults.fault import Fault
from faults.oracles import ORACLES, judge
from faults.scenarios import Scenario
from faults.trial import Outcome, Trial
from faults.world import World

AT_ONCE = 6
SEED = 1
STOP_VARIABLE = "FAULTS_STOP_AT_FIRST"
"""Set where one violation is all that is asked for: by the mutation check."""
References = dict[str, Outcome]


@dataclass
class Verdict:
    """What one trial has shown."""

    scenario: str
    fault: str
    family: str
    fired: bool
    seconds: float
    violations: dict[str, list[str]] = field(default_factory=dict)
    """By oracle; only where there are any."""
    error: str = ""
    """Why the trial itself could not be held."""

    def __str__(self) -> str:
        words = [f"{oracle}: {text}" for oracle, texts in self.violations.items() for text in texts[:3]]
        return f"{self.scenario} / {self.fault}: " + ("; ".join(words) or self.error or "as it should be")


async def reference_of(world: World, scenario: Scenario) -> Outcome:
    """The calm run that others are held against."""
    outcome = await Trial(world, scenario, Fault()).run()
    found = {name: texts for name, texts in judge(outcome, outcome).items() if texts}
    if found:
        raise AssertionError(f"the calm run of {scenario.name} is not in order: {found}")
    return outcome


async def references(world: World, scenarios: Iterable[Scenario]) -> References:
    """By scenario's name."""
    found = await asyncio.gather(*(reference_of(world, scenario) for scenario in scenarios))
    return {outcome.scenario.name: outcome for outcome in found}


async def verdict(world: World, scenario: Scenario, fault: Fault, reference: Outcome) -> Verdict:
    """Hold one trial and judge it."""
    try:
        outcome = await Trial(world, scenario, fault).run()
    except Exception as error:
        return Verdict(scenario.name, str(fault), fault.family, False, 0.0, error=f"{type(error).__name__}: {error}")
    violations = {name: texts for name, texts in judge(outcome, reference).items() if texts}
    return Verdict(scenario.name, str(fault), fault.family, outcome.fired, outcome.seconds, violations)


async def run_matrix(
    world: World,
    scenarios: Sequence[Scenario],
    tell: Callable[[Verdict], None],
    choose: Callable[[Scenario, Fault], bool],
    at_once: int = AT_ONCE,
) -> list[Verdict]:
    """Every chosen fault of every scenario."""
    calm = await references(world, scenarios)
    slots = asyncio.Semaphore(at_once)

    async def one(scenario: Scenario, fault: Fault) -> Verdict:
        async with slots:
            found = await verdict(world, scenario, fault, calm[scenario.name])
        tell(found)
        return found

    trials = [
        one(scenario, fault)
        for scenario in scenarios
        for fault in catalogue(scenario, writes_of(calm[scenario.name]))
        if choose(scenario, fault)
    ]
    # Neighbours in the catalogue are alike: in this order a run that is cut off has seen something of everything.
    random.Random(SEED).shuffle(trials)
    return await asyncio.gather(*trials)


def writes_of(outcome: Outcome) -> int:
    """How many writes a run had."""
    return max((exchange.number for exchange in outcome.exchanges), default=0)


def summary(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """Violations by oracle."""
    counts: collections.Counter[str] = collections.Counter({name: 0 for name in ORACLES})
    for found in verdicts:
        counts.update(found.violations.keys())
    return dict(counts)
