"""A pod's entry point: configuration in a variable, result in the termination message and the exit code."""

import faulthandler
import json
import logging
import os
import sys
from datetime import UTC, datetime

from pydantic import ValidationError

from tunewright_api import names
from tunewright_api.failures import FailureClass, exit_code
from tunewright_api.run import RunConfig, RunResult, termination_message
from tunewright_api.sentences import sentences
from tunewright_api.status import Failure
from tunewright_trainer.shell import preemption
from tunewright_trainer.shell.environment import Environment
from tunewright_trainer.shell.log_tail import LogTail
from tunewright_trainer.step import run_step

STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One JSON object a line: a constant sentence, with fields beside it."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {key: value for key, value in vars(record).items() if key not in STANDARD_FIELDS}
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **fields,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def _configure_logging() -> LogTail:
    handler, tail = logging.StreamHandler(sys.stdout), LogTail()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler, tail])
    for noisy in ("botocore", "boto3", "urllib3", "s3transfer", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return tail


def _tell(result: RunResult, environment: Environment) -> None:
    if environment.termination_log is not None:
        environment.termination_log.write_text(termination_message(result))


def _refuse(error: ValidationError, environment: Environment) -> int:
    """The operator has accepted this configuration: an image of another version may know other fields."""
    text = os.environ.get(names.RUN_CONFIG_VARIABLE, "")
    faults = "; ".join(sentences(RunConfig, error, root=""))
    in_spec = all(detail["loc"][:1] == ("spec",) for detail in error.errors(include_url=False, include_context=False))
    failure_class = FailureClass.INVALID_SPEC if in_spec else FailureClass.INTERNAL
    failure = Failure(
        failure_class=failure_class,
        message=f"this trainer cannot read its run configuration: {faults}"[:4000],
        hint="Use a trainer image of the operator's own version: leave spec.image out, or correct it in a new job.",
    )
    logging.getLogger("tunewright_trainer").error("The run configuration cannot be read", extra={"reason": faults})
    try:
        raw = json.loads(text)
        result = RunResult(step=raw["step"], attempt=raw["attempt"], failure=failure)
    except (ValueError, TypeError, KeyError):
        return exit_code(failure_class)
    _tell(result, environment)
    return exit_code(failure_class)


def main() -> int:
    """Run the step that the variable describes; the return value is the exit code."""
    tail = _configure_logging()
    # What a native library's crash leaves is kept by the kubelet: the last thing that the log says.
    faulthandler.enable()
    preemption.install()
    logger = logging.getLogger("tunewright_trainer")
    environment = Environment.from_variables()
    try:
        config = RunConfig.model_validate_json(os.environ.get(names.RUN_CONFIG_VARIABLE, ""))
    except ValidationError as error:
        return _refuse(error, environment)
    logger.info("Step started", extra={"step": config.step, "attempt": config.attempt, "run": config.run_id})
    result = run_step(config, environment)
    if result.failure is not None:
        result = result.model_copy(update={"log": tail.text()})
    _tell(result, environment)
    failure = result.failure
    logger.info(
        "Step ended",
        extra={
            "step": config.step,
            "failure": str(failure.failure_class) if failure else None,
            "reused": result.reused,
        },
    )
    return 0 if failure is None else exit_code(failure.failure_class)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Without this, threads of native libraries can hang a process whose work is done.
    os._exit(code)
