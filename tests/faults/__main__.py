"""`python -m faults`: the whole matrix, and its table in docs/faults.md; exits 1 on any violation."""

import argparse
import asyncio
import json
import re
import sys
import time
from dataclasses import asdict
from pathlib import Path

from faults.deeds import ServerRestarted
from faults.matrix import AT_ONCE, Verdict, reference_of, run_matrix, verdict
from faults.report import markdown
from faults.scenarios import BY_NAME, Scenario
from faults.world import World, world

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "faults.md"


async def _with_restarts(world_: World, scenarios: list[Scenario]) -> list[Verdict]:
    """The API server itself is restarted, once a scenario; nothing else may be going on then."""
    found = []
    for scenario in scenarios:
        reference = await reference_of(world_, scenario)
        found.append(await verdict(world_, scenario, ServerRestarted(), reference))
    return found


async def _run(arguments: argparse.Namespace) -> list[Verdict]:
    wanted = re.compile(arguments.only)
    scenarios = [BY_NAME[name] for name in arguments.scenarios]
    told = _known(arguments.log) if arguments.resume else []
    held = {(found.scenario, found.fault) for found in told}

    def tell(found: Verdict) -> None:
        told.append(found)
        with arguments.log.open("a") as log:
            log.write(json.dumps(asdict(found)) + "\n")
        if found.violations or found.error:
            sys.stdout.write(f"{found}\n")
        if len(told) % 50 == 0:
            sys.stdout.write(f"{len(told)} runs\n")
        sys.stdout.flush()

    async with world() as world_:
        await run_matrix(
            world_,
            scenarios,
            tell,
            lambda scenario, fault: bool(wanted.search(str(fault))) and (scenario.name, str(fault)) not in held,
            arguments.at_once,
        )
        if wanted.search(str(ServerRestarted())):
            for one in await _with_restarts(
                world_, [s for s in scenarios if (s.name, str(ServerRestarted())) not in held]
            ):
                tell(one)
    return told


def _known(log: Path) -> list[Verdict]:
    """What an earlier run has found to be in order; what was not is tried again."""
    return [one for one in _held(log) if not one.violations and not one.error]


def _held(log: Path) -> list[Verdict]:
    """Every verdict in a log."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [Verdict(**json.loads(line)) for line in lines]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument("--scenarios", nargs="+", default=list(BY_NAME), choices=list(BY_NAME))
    parser.add_argument("--only", default="", help="a regular expression for the names of faults")
    parser.add_argument("--at-once", type=int, default=AT_ONCE)
    parser.add_argument("--log", type=Path, default=ROOT / "out" / "faults.jsonl", help="every verdict, as it comes")
    parser.add_argument("--resume", action="store_true", help="go on where an earlier run with this log was cut off")
    parser.add_argument("--document", type=Path, default=DOCUMENT)
    arguments = parser.parse_args()
    began = time.monotonic()
    arguments.log.parent.mkdir(parents=True, exist_ok=True)
    if not arguments.resume:
        arguments.log.unlink(missing_ok=True)
    complete = True
    try:
        found = asyncio.run(_run(arguments))
    except KeyboardInterrupt:
        complete, found = False, _held(arguments.log)
    arguments.document.write_text(markdown(found, complete and not arguments.only))
    bad = [one for one in found if one.violations or one.error]
    sys.stdout.write(f"{len(found)} runs in {time.monotonic() - began:.0f} s, {len(bad)} with a violation\n")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
