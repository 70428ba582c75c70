"""`tunewright run -f FILE`: the same steps as in the cluster, one after the other, on this machine."""

import argparse
import hashlib
import json
import logging
import os
import signal
import sys
import tempfile
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tunewright_api import names
from tunewright_api.failures import exit_code
from tunewright_api.manifest import Manifest
from tunewright_api.run import ProgressReport, RunConfig, RunResult, StepInput
from tunewright_cli.manifests import BadManifest, Document, read_job
from tunewright_cli.validate import complain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from tunewright_trainer.shell.environment import Environment


def main(arguments: argparse.Namespace) -> int:
    """Run all steps; a step that an earlier call has finished is not done again."""
    try:
        document = read_job(arguments.filename)
    except BadManifest as error:
        return complain(error)
    try:
        from tunewright_trainer.step import run_step
    except ImportError as error:
        sys.stderr.write(
            f"{error.name} is missing: local runs need the trainer's libraries; install tunewright[trainer]\n"
        )
        return 1
    _quiet_libraries()
    scratch = Path(arguments.scratch) if arguments.scratch else Path(tempfile.gettempdir()) / "tunewright"
    try:
        scratch.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.stderr.write(f"{scratch}: no folder for temporary files ({error.strerror}); name another with --scratch\n")
        return 1
    secrets = Path(arguments.secrets) if arguments.secrets else None
    base = _base_config(document)
    results: dict[str, RunResult] = {}
    seconds: dict[str, float] = {}
    with _stop_between_steps(), _bars() as bars:
        for step in base.spec.steps():
            started = time.monotonic()
            config = base.model_copy(update={"step": step, "inputs": _inputs(results)})
            result = run_step(config, _environment(scratch, secrets, bars, step))
            results[step], seconds[step] = result, time.monotonic() - started
            if result.failure is not None:
                break
    return _summary(base, results, seconds, secrets)


def _quiet_libraries() -> None:
    """Their own progress bars would tear ours apart."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TQDM_DISABLE", "1")
    logging.disable(logging.INFO)
    warnings.filterwarnings("ignore")


def _base_config(document: Document) -> RunConfig:
    """The run is named after name and spec: the same manifest goes on, a changed one begins anew."""
    spec = document.spec()
    digest = hashlib.sha256(
        f"{document.name}\n{spec.model_dump_json(exclude={'limits', 'suspend', 'cancel', 'ttl_seconds_after_finished'})}".encode()
    ).hexdigest()
    uid = str(uuid.UUID(digest[:32]))
    return RunConfig(
        namespace=document.namespace or "default",
        name=document.name,
        uid=uid,
        run_id=names.run_id(uid, spec.run_attempt),
        step=names.PREPARE,
        attempt=1,
        spec=spec,
    )


def _inputs(results: dict[str, RunResult]) -> dict[str, StepInput]:
    return {
        step: StepInput(manifest_uri=result.manifest_uri, digest=result.digest)
        for step, result in results.items()
        if result.manifest_uri and result.digest
    }


@contextmanager
def _bars() -> "Iterator[Progress]":
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:<14}"),
        BarColumn(),
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns) as progress:
        yield progress


@contextmanager
def _stop_between_steps() -> Iterator[None]:
    """Ctrl-C ends the optimizer step, saves a checkpoint and stops; a second one stops at once."""
    from tunewright_trainer.shell import preemption

    def on_interrupt(number: int, frame: object) -> None:
        if preemption.stop_requested():
            raise KeyboardInterrupt
        preemption.request_stop()

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        preemption.clear()


def _environment(scratch: Path, secrets: Path | None, bars: "Progress", step: str) -> "Environment":
    from tunewright_trainer.shell.environment import Environment

    task = bars.add_task(step, total=None, detail="")

    def show(report: ProgressReport) -> None:
        progress = report.progress
        details = [progress.activity]
        if progress.total_steps:
            details.append(f"{progress.global_step}/{progress.total_steps}")
        if progress.loss is not None:
            details.append(f"loss {progress.loss:.3f}")
        if progress.tokens_per_second:
            details.append(f"{progress.tokens_per_second:.0f} tokens/s")
        bars.update(task, total=progress.total_steps or None, completed=progress.global_step, detail="  ".join(details))
        if report.result is not None:
            failed = report.result.failure is not None
            word = "failed" if failed else "done before" if report.result.reused else "done"
            bars.update(task, total=1, completed=0 if failed else 1, detail=word)
            bars.stop_task(task)

    return Environment(pod_uid=uuid.uuid4().hex, scratch=scratch, secrets=secrets, on_progress=show)


def _summary(config: RunConfig, results: dict[str, RunResult], seconds: dict[str, float], secrets: Path | None) -> int:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    failure = next((result.failure for result in results.values() if result.failure), None)
    if failure is not None:
        console.print(f"\n[bold red]{failure.failure_class}[/] in step {failure.step}: ", end="")
        console.print(failure.message, markup=False, highlight=False)
        console.print(failure.hint, markup=False, highlight=False)
        return exit_code(failure.failure_class)
    published = results[names.PUBLISH]
    if published.evaluation is not None:
        table = Table("metric", "base", "tuned", "difference", "95 % interval", "rows", "verdict")
        for metric in published.evaluation.metrics:
            interval = f"{metric.low:+.4f} to {metric.high:+.4f}"
            table.add_row(
                metric.name,
                f"{metric.base:.4f}",
                f"{metric.tuned:.4f}",
                f"{metric.difference:+.4f}",
                interval,
                str(metric.rows),
                metric.verdict,
            )
        console.print(table)
    _print_samples(console, config, results, secrets)
    console.print("  ".join(f"{step} {duration:.0f} s" for step, duration in seconds.items()), highlight=False)
    if results[names.PREPARE].reused:
        console.print(
            "What an earlier call had finished was not done again, and the data was not read again: to begin anew, raise spec.runAttempt.",
            highlight=False,
        )
    if published.adapter is not None:
        console.print(
            f"\nThe adapter is at {published.adapter.uri}, read back and verified ({published.adapter.digest[:19]}…).",
            highlight=False,
        )
    return 0


def _print_samples(console: "Console", config: RunConfig, results: dict[str, RunResult], secrets: Path | None) -> None:
    from tunewright_trainer.shell.storage import open_store

    store = open_store(config.spec.storage, secrets)
    manifest = Manifest.model_validate_json(store.read(str(results[names.EVALUATE].manifest_uri)))
    for sample in json.loads(store.read(f"{manifest.prefix}/samples.json")):
        console.print(f"\n[bold]{'prompt':>9}[/]  ", end="")
        console.print(sample["prompt"], markup=False, highlight=False)
        for side in ("reference", "base", "tuned"):
            console.print(f"[bold]{side:>9}[/]  ", end="")
            console.print(" ".join(sample[side].split())[:300], markup=False, highlight=False)
    console.print()
