"""`python -m tunewright_monitor`: what the pod of an AdapterMonitor runs. The only place that reads variables and sets up logging."""

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from pydantic import ValidationError

from tunewright_api import names
from tunewright_api.adapter_monitor import MonitorConfig
from tunewright_api.sentences import sentences
from tunewright_monitor.service import Monitor

PORT_VARIABLE = "TUNEWRIGHT_PORT"
SECRETS_VARIABLE = "TUNEWRIGHT_SECRETS"
CANNOT_START = 1
logger = logging.getLogger("tunewright_monitor")


def main() -> int:
    """Run until SIGTERM; the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    # Its lines at INFO would be one a probe.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    config = read_config(os.environ.get(names.MONITOR_CONFIG_VARIABLE))
    if not isinstance(config, MonitorConfig):
        for problem in config:
            logger.error(problem)
        return CANNOT_START
    port = int(os.environ.get(PORT_VARIABLE, str(names.HTTP_PORT)))
    secrets = Path(os.environ.get(SECRETS_VARIABLE, names.SECRETS_DIRECTORY))
    try:
        asyncio.run(_serve(Monitor(config, secrets), port))
    except OSError as error:
        logger.error("Port %s cannot be served: %s", port, error.strerror)  # noqa: TRY400 - the sentence says it all
        return CANNOT_START
    return 0


def read_config(text: str | None) -> MonitorConfig | list[str]:
    """The configuration, or a sentence for each fault in it."""
    if not text:
        return [f"{names.MONITOR_CONFIG_VARIABLE} is not set: it must hold a MonitorConfig as JSON"]
    try:
        return MonitorConfig.model_validate_json(text)
    except ValidationError as error:
        return sentences(MonitorConfig, error, names.MONITOR_CONFIG_VARIABLE)


async def _serve(monitor: Monitor, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await monitor.run(port, stop)


if __name__ == "__main__":
    sys.exit(main())
