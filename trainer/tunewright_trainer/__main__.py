"""A pod's entry point: configuration in a variable, result in the termination message and the exit code."""

import json
import logging
import os
import sys
from datetime import UTC, datetime

from pydantic import ValidationError

from tunewright_api import names
from tunewright_api.failures import FailureClass, exit_code
from tunewright_api.run import RunConfig, termination_message
from tunewright_trainer.shell import preemption
from tunewright_trainer.shell.environment import Environment
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


def _configure_logging() -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for noisy in ("botocore", "boto3", "urllib3", "s3transfer", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def main() -> int:
    """Run the step that the variable describes; the return value is the exit code."""
    _configure_logging()
    preemption.install()
    logger = logging.getLogger("tunewright_trainer")
    try:
        config = RunConfig.model_validate_json(os.environ.get(names.RUN_CONFIG_VARIABLE, ""))
    except ValidationError as error:
        logger.error("The run configuration cannot be read", extra={"errors": error.error_count()})  # noqa: TRY400
        return exit_code(FailureClass.INTERNAL)
    environment = Environment.from_variables()
    logger.info("Step started", extra={"step": config.step, "attempt": config.attempt, "run": config.run_id})
    result = run_step(config, environment)
    if environment.termination_log is not None:
        environment.termination_log.write_text(termination_message(result))
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
