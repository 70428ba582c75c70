"""Twenty-five ways to break the operator, each a small replacement in its source; `python -m faults.mutations` counts those that go unnoticed."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from faults.matrix import STOP_VARIABLE

ROOT = Path(__file__).parents[2]
PACKAGE = "tunewright_operator"
UNIT_TESTS = (
    "test_plan.py",
    "test_plan_properties.py",
    "test_cleanup.py",
    "test_deadlines.py",
    "test_history.py",
    "test_resume.py",
    "test_story.py",
    "test_status_patch.py",
    "test_leases.py",
    "test_operator_cache.py",
    "test_operator_errors.py",
    "test_workqueue.py",
    "test_feed.py",
)
SUITES = (
    [f"tests/unit/{name}" for name in UNIT_TESTS],
    ["tests/faults/test_faults.py"],
)
MAY_SURVIVE = 1


@dataclass(frozen=True)
class Mutation:
    """`old` stands in the file exactly once."""

    name: str
    file: str
    old: str
    new: str


MUTATIONS = (
    Mutation(
        "the owner's uid is not looked at",
        "core/running.py",
        "if child is not None and child.owner_uid != job.uid:",
        "if False:",
    ),
    Mutation(
        "another Job's uid is not noticed",
        "core/running.py",
        "if child is None or (step.job_uid is not None and child.uid != step.job_uid):",
        "if child is None:",
    ),
    Mutation(
        "the Job is created before its attempt is recorded",
        "shell/reconciler.py",
        "        decision = await self._decide(subject)\n        for _ in",
        "        decision = await self._act_too_early(resource, body, subject, written)\n        for _ in",
    ),
    Mutation(
        "events are told before the status is stored",
        "shell/reconciler.py",
        '        stored = await self.client.patch_status(resource, body["metadata"], patch)\n',
        '        for event in decision.events:\n            self.teller.tell(resource, body, event)\n        await __import__("asyncio").sleep(0.2)\n        stored = await self.client.patch_status(resource, body["metadata"], patch)\n',
    ),
    Mutation(
        "a vanished Job is believed from the cache", "shell/observe.py", "if vanished or unwatched:", "if unwatched:"
    ),
    Mutation(
        "a pod's last words are not fetched",
        "shell/observe.py",
        "if (view.complete or view.failed) and not ended:",
        "if False:",
    ),
    Mutation(
        "a preemption counts as a failure of our own",
        "core/classify.py",
        'FailureClass.PREEMPTED, f"the pod was stopped',
        'FailureClass.INTERNAL, f"the pod was stopped',
    ),
    Mutation(
        "an attempt after a suspension has the same number",
        "core/attempts.py",
        "_attempt(job, step.name, step.attempt + 1, parse_time(step.waiting_since) or now)",
        "_attempt(job, step.name, step.attempt, parse_time(step.waiting_since) or now)",
    ),
    Mutation(
        "one retry too many", "core/attempts.py", "if spent >= limits.retries_for", "if spent > limits.retries_for"
    ),
    Mutation(
        "spent retries are forgotten",
        "core/attempts.py",
        "{**step.retries, failure.failure_class: spent + 1}",
        "{**step.retries}",
    ),
    Mutation("a finished run goes on", "core/plan.py", "if is_finished(job.status):", "if False:"),
    Mutation(
        "a suspended run does not wait for its pod",
        "core/plan.py",
        "if step is None or child is None or child.owner_uid != job.uid or _is_dead(child, observed, settings):",
        "if True:",
    ),
    Mutation(
        "a success without a result is a success",
        "core/running.py",
        "if result is None or result.digest is None:",
        "if result is None:",
    ),
    Mutation(
        "the image is not the one that the run began with",
        "core/running.py",
        "(job.status.resolved.image if job.status.resolved else None) or settings.trainer_image",
        "settings.trainer_image",
    ),
    Mutation("a Job of our name is an error", "shell/execute.py", "except AlreadyExists:", "except AssertionError:"),
    Mutation("a deletion is not limited to a uid", "shell/client.py", ', "preconditions": {"uid": uid}}', "}"),
    Mutation(
        "pods are orphaned", "shell/client.py", '"propagationPolicy": "Foreground"', '"propagationPolicy": "Orphan"'
    ),
    Mutation(
        "a status is written over a newer one",
        "shell/client.py",
        '{"resourceVersion": metadata["resourceVersion"], "uid": metadata["uid"]}',
        '{"uid": metadata["uid"]}',
    ),
    Mutation(
        "a status that is the same is written",
        "shell/reconciler.py",
        "        if not patch:\n            return None\n",
        "",
    ),
    Mutation(
        "old news replaces newer",
        "shell/cache.py",
        "if known is not None and version_of(known) >= version:",
        "if False:",
    ),
    Mutation(
        "what has vanished stays in the cache",
        "shell/cache.py",
        "if in_scope and address not in listed and version_of(body) <= list_version:",
        "if False:",
    ),
    Mutation(
        "a gap in a watch is not mended",
        "shell/feed.py",
        "        self._gaps.add(resource)\n        self._gap.set()\n",
        "        return\n",
    ),
    Mutation(
        "a failed look is not repeated",
        "shell/worker.py",
        "delay = self._queue.add_failed(key, at_least)",
        "delay = 0.0",
    ),
    Mutation(
        "who held the lease last still leads",
        "shell/leases.py",
        "return self._clock() >= self._seen[1] + self._duration_of(lease)",
        "return True",
    ),
    Mutation("a result of another step is taken", "core/classify.py", "if result.step == step:", "if True:"),
)

TOO_EARLY = """
    async def _act_too_early(self, resource, body, subject, written):
        decision = await self._decide(subject)
        pending = [step for step in getattr(decision.status, "steps", []) if str(step.state) == "Pending"]
        if pending and decision.requeue_after == 0:
            from tunewright_operator.core.running import plan_step
            job = parse_job_object({**body, "status": decision.status.to_wire()})
            observed = await self.observer.fine_tune_job(job)
            await self.executor.execute(resource, body, plan_step(job, pending[0], observed, self.settings).actions, written)
        return decision

    async def refresh(self"""


def apply(mutation: Mutation, package: Path) -> None:
    """Break the copy of the package; raises when the source is not as the mutation knows it."""
    path = package / mutation.file
    source = path.read_text()
    if source.count(mutation.old) != 1:
        raise ValueError(f"{mutation.file} has {source.count(mutation.old)} times: {mutation.old}")
    source = source.replace(mutation.old, mutation.new)
    path.write_text(
        source.replace("\n    async def refresh(self", TOO_EARLY) if "_act_too_early" in mutation.new else source
    )


def killer(mutation: Mutation) -> str | None:
    """The first test that fails on the broken operator; None when all pass."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        copy = Path(folder) / "operator"
        shutil.copytree(ROOT / "operator", copy)
        apply(mutation, copy / PACKAGE)
        environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", STOP_VARIABLE: "1"}
        for tests in SUITES:
            present = [test for test in tests if (ROOT / test).exists()]
            command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", "--tb=short", "-rfE", *present]
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
            if done.returncode != 0:
                failed = re.search(r"^(?:FAILED|ERROR) (tests/.*?)(?: - .*)?$", done.stdout, re.MULTILINE)
                oracle = re.search(r"\b(O\d+)'?: .{0,80}", done.stdout)
                words = failed.group(1) if failed else f"pytest ended with {done.returncode}"
                return f"{words} ({oracle.group(0)})" if oracle else words
    return None


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="faults.mutations", description=__doc__)
    parser.add_argument("--only", default="", help="a regular expression for the names of mutations")
    wanted: str = parser.parse_args().only
    chosen = [mutation for mutation in MUTATIONS if re.search(wanted, mutation.name)]
    survivors = []
    for mutation in chosen:
        test = killer(mutation)
        sys.stdout.write(f"{mutation.name}: {test or 'SURVIVES'}\n")
        sys.stdout.flush()
        if test is None:
            survivors.append(mutation.name)
    sys.stdout.write(f"{len(chosen) - len(survivors)} of {len(chosen)} are noticed\n")
    return 1 if len(survivors) > MAY_SURVIVE else 0


if __name__ == "__main__":
    raise SystemExit(main())
