"""A registry on the loopback address: between builder and node it moves only layers that changed."""

from pathlib import Path

import yaml

from devcluster.processes import answers, free_port, start, wait_until
from devcluster.state import Process, cache_directory


def start_registry(directory: Path) -> tuple[str, Process]:
    """Start it; returns host:port."""
    port = free_port()
    config = directory / "keys" / "registry.yaml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(
        yaml.safe_dump(
            {
                "version": 0.1,
                "log": {"level": "warn"},
                "storage": {
                    "filesystem": {"rootdirectory": str(cache_directory() / "registry")},
                    "delete": {"enabled": True},
                },
                "http": {"addr": f"127.0.0.1:{port}"},
            }
        )
    )
    process = start("docker-registry", ["docker-registry", "serve", str(config)], directory / "logs")
    wait_until("registry", lambda: answers(f"http://127.0.0.1:{port}/v2/"), process, logs=directory / "logs")
    return f"127.0.0.1:{port}", process
