"""The command `python -m tunewright_operator`: options in, exit code out."""

import asyncio
import os
import sys

# kopf imports the kubernetes client wherever it is installed, for types that are never used here: 20 MiB.
sys.modules["kubernetes"] = None  # type: ignore[assignment]

from tunewright_operator.shell import credentials, options  # noqa: E402
from tunewright_operator.shell.logs import logger, set_up  # noqa: E402
from tunewright_operator.supervisor import Operator  # noqa: E402


async def run(given: options.Options) -> int:
    """Run one replica to its end."""
    code = await Operator(given, credentials.load()).run()
    sys.stdout.flush()
    # No watch or half-closed connection may hold up the end of a replica that has given back its lease.
    os._exit(code)


def main() -> int:
    """The command."""
    given = options.read(sys.argv[1:])
    set_up(given.log_level)
    try:
        return asyncio.run(run(given))
    except credentials.CredentialsError as error:
        logger.error("There is no way to the API server", extra={"words": str(error)})
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
