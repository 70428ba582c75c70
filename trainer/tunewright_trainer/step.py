"""Runs one step: looks for its commit, dispatches, uploads, commits, and turns whatever goes wrong into one failure."""

import logging
import shutil
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from tunewright_api import names
from tunewright_api.failures import FAILURES, FailureClass
from tunewright_api.manifest import Manifest
from tunewright_api.run import RunConfig, RunResult
from tunewright_api.status import Failure
from tunewright_trainer.context import StepContext, StepOutcome
from tunewright_trainer.shell import commit, folders, preemption
from tunewright_trainer.shell.environment import Environment
from tunewright_trainer.shell.errors import InvalidData, Preempted, StepError
from tunewright_trainer.shell.storage import ObjectStore, open_store
from tunewright_trainer.shell.telemetry import Telemetry

logger = logging.getLogger(__name__)

STEPS = {
    names.PREPARE: "tunewright_trainer.prepare.step",
    names.PACKAGE: "tunewright_trainer.package.step",
    names.EVALUATE: "tunewright_trainer.evaluate.step",
    names.PUBLISH: "tunewright_trainer.publish.step",
}
TRAIN = "tunewright_trainer.train.step"


def _implementation(step: str) -> Callable[[StepContext], StepOutcome]:
    """Steps are imported when they run: preparing and publishing need no torch, and start in a tenth of the time."""
    module = import_module(TRAIN if step.startswith(names.TRAIN_PREFIX) else STEPS[step])
    run: Callable[[StepContext], StepOutcome] = module.run
    return run


def run_step(config: RunConfig, environment: Environment) -> RunResult:
    """Run one attempt of one step. Failures come back in the result; only errors of the surroundings (no scratch) are raised."""
    telemetry = Telemetry(config, environment.on_progress)
    if environment.port is not None:
        telemetry.serve(environment.port)
    environment.scratch.mkdir(parents=True, exist_ok=True)
    workdir = Path(tempfile.mkdtemp(prefix=f"{config.step}-", dir=environment.scratch))
    try:
        result = _guarded(config, environment, telemetry, workdir)
        telemetry.attach(result=result)
        return result
    finally:
        telemetry.close()
        shutil.rmtree(workdir, ignore_errors=True)


def _guarded(config: RunConfig, environment: Environment, telemetry: Telemetry, workdir: Path) -> RunResult:
    try:
        store = open_store(config.spec.storage, environment.secrets)
        found = commit.find_commit(store, config)
        if found is not None:
            logger.info("The step was committed before", extra={"prefix": found.prefix})
            return _reported(config, found, reused=True)
        return _attempt(config, environment, telemetry, store, workdir)
    except StepError as error:
        if not isinstance(error, Preempted):
            logger.error("The step failed", extra={"class": str(error.failure_class), "reason": str(error)})  # noqa: TRY400
        failed = _failed(config, environment, error.failure_class, str(error), telemetry, error.hint)
        dataset = error.dataset if isinstance(error, InvalidData) else None
        return failed.model_copy(update={"dataset": dataset})
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError":
            return _failed(
                config,
                environment,
                FailureClass.OUT_OF_MEMORY,
                "the GPU's memory is too small for these settings",
                telemetry,
            )
        logger.exception("The step failed for a reason that has no class")
        return _failed(
            config, environment, FailureClass.INTERNAL, f"{type(error).__name__}: {_first_line(error)}", telemetry
        )


def _attempt(
    config: RunConfig, environment: Environment, telemetry: Telemetry, store: ObjectStore, workdir: Path
) -> RunResult:
    context = StepContext(
        config=config,
        environment=environment,
        store=store,
        telemetry=telemetry,
        workdir=workdir,
        attempt_uri=names.attempt_prefix(config.run_uri, config.step, config.attempt, environment.pod_uid),
        inputs={step: commit.open_input(store, config, step) for step in config.inputs},
    )
    outcome = _implementation(config.step)(context)
    # What a training has learned is worth the rest of the grace period; anything else is soon done again.
    if preemption.stop_requested() and not config.step.startswith(names.TRAIN_PREFIX):
        raise Preempted("stopped before the result was uploaded")
    telemetry.update(activity="Uploading")
    return _reported(config, _committed(context, outcome), reused=False)


def _committed(context: StepContext, outcome: StepOutcome) -> Manifest:
    entries = folders.file_entries(outcome.folder)
    folders.upload_files(context.store, outcome.folder, context.attempt_uri, entries)
    manifest = Manifest(
        kind="Step",
        run_id=context.config.run_id,
        step=context.config.step,
        attempt=context.config.attempt,
        prefix=context.attempt_uri,
        files=entries,
        digest=outcome.digest,
        inputs={step: manifest.digest for step, manifest in context.inputs.items()},
        result=outcome.result,
        created_at=folders.now(),
    )
    return commit.commit(context.store, context.config, manifest)


def _reported(config: RunConfig, manifest: Manifest, *, reused: bool) -> RunResult:
    result = manifest.result or RunResult(step=config.step, attempt=config.attempt)
    return result.model_copy(
        update={
            "attempt": config.attempt,
            "manifest_uri": names.step_manifest(config.run_uri, config.step),
            "digest": manifest.digest,
            "reused": reused or manifest.attempt != config.attempt,
        }
    )


def _failed(
    config: RunConfig,
    environment: Environment,
    failure: FailureClass,
    message: str,
    telemetry: Telemetry,
    hint: str | None = None,
) -> RunResult:
    return RunResult(
        step=config.step,
        attempt=config.attempt,
        checkpoint=telemetry.report.checkpoint,
        resolved=telemetry.report.resolved,
        failure=Failure(
            failure_class=failure,
            message=message[:4000],
            hint=hint or FAILURES[failure].hint,
            step=config.step,
            attempt=config.attempt,
            node=environment.node,
        ),
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0][:300]
