"""What the platform team sets for the operator: environment variables, as the chart writes them, or flags of the same meaning."""

import argparse
import os
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from tunewright_api.names import HTTP_PORT
from tunewright_api.pricing import Pricing
from tunewright_api.sentences import sentences
from tunewright_operator.core.types import Settings
from tunewright_operator.shell.credentials import SERVICE_ACCOUNT

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
PATIENCES = {
    "image_pull_patience_seconds": "how long a pod may wait for its image",
    "termination_patience_seconds": "how long after its grace period a pod may be stuck before the next attempt starts",
    "exclusion_patience_seconds": "how long no other node may have room before one on which a step has failed is used again",
}
"""Fields of `Settings` that are times to wait, and what for."""


@dataclass(frozen=True)
class Options:
    """All of them."""

    settings: Settings
    namespaces: tuple[str, ...]
    """Empty: all namespaces."""
    lease_namespace: str
    lease_name: str
    identity: str
    port: int
    workers: int
    log_level: str


def _own_namespace() -> str:
    file = SERVICE_ACCOUNT / "namespace"
    return file.read_text().strip() if Path(file).is_file() else "default"


def _pricing(text: str, parser: argparse.ArgumentParser) -> Pricing | None:
    if not text:
        return None
    try:
        return Pricing.model_validate_json(text)
    except ValidationError as error:
        parser.error(f"TUNEWRIGHT_PRICING or --pricing: {'; '.join(sentences(Pricing, error, 'pricing'))}")


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    """All flags, each with its variable's value for a default."""

    def variable(name: str, default: str) -> str:
        return environment.get(f"TUNEWRIGHT_{name}") or default

    # argparse converts a default that is a text as it converts a flag, and complains of it in the same words.
    parser = argparse.ArgumentParser(prog="tunewright_operator", description="The Tunewright operator.")
    parser.add_argument("--trainer-image", default=variable("TRAINER_IMAGE", ""), help="image of a run's pods")
    parser.add_argument("--monitor-image", default=variable("MONITOR_IMAGE", ""), help="image of monitors' pods")
    parser.add_argument("--namespaces", default=variable("NAMESPACES", ""), help="comma-separated; absent: all")
    parser.add_argument("--lease-namespace", default=variable("LEASE_NAMESPACE", environment.get("POD_NAMESPACE", "")))
    parser.add_argument("--lease-name", default=variable("LEASE_NAME", "tunewright-operator"))
    parser.add_argument("--port", type=int, default=variable("PORT", str(HTTP_PORT)), help="metrics and probes")
    parser.add_argument("--workers", type=int, default=variable("WORKERS", "16"), help="objects looked at at once")
    for name, what in PATIENCES.items():
        default = variable(name.upper(), str(getattr(Settings, name)))
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default, help=what)
    parser.add_argument("--log-level", default=variable("LOG_LEVEL", "INFO"), help=", ".join(LOG_LEVELS))
    parser.add_argument(
        "--pricing",
        default=variable("PRICING", ""),
        metavar="JSON",
        help='the GPU of this cluster and its price, for estimates: {"gpu": "H100", "gpuHour": 2.5, "currency": "EUR"}',
    )
    return parser


def read(arguments: list[str], environment: Mapping[str, str] = os.environ) -> Options:
    """Flags before variables before defaults."""
    parser = _parser(environment)
    given = parser.parse_args(arguments)
    if given.log_level.upper() not in LOG_LEVELS:
        parser.error(f"the log level must be one of {', '.join(LOG_LEVELS)}, not {given.log_level}")
    missing = [flag for flag in ("trainer_image", "monitor_image") if not getattr(given, flag)]
    if missing:
        flag = missing[0]
        parser.error(f"set TUNEWRIGHT_{flag.upper()} or --{flag.replace('_', '-')}: the image of the pods to create")
    return Options(
        settings=Settings(
            trainer_image=given.trainer_image,
            monitor_image=given.monitor_image,
            pricing=_pricing(given.pricing, parser),
            **{name: getattr(given, name) for name in PATIENCES},
        ),
        namespaces=tuple(name.strip() for name in given.namespaces.split(",") if name.strip()),
        lease_namespace=given.lease_namespace or _own_namespace(),
        lease_name=given.lease_name,
        identity=environment.get("POD_NAME") or f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}",
        port=given.port,
        workers=given.workers,
        log_level=given.log_level.upper(),
    )
