"""A real Prometheus that scrapes every pod that asks for it by annotation."""

import shutil
import sys
from pathlib import Path

import yaml

from devcluster.errors import DevclusterError
from devcluster.processes import answers, free_port, start, wait_until
from devcluster.state import Process


def start_prometheus(directory: Path, api_server: str, token: str) -> tuple[int, list[Process]]:
    """Start the server and its discovery; returns its port on the loopback address."""
    binary = shutil.which("prometheus")
    if binary is None:
        raise DevclusterError("Prometheus is missing: apt-get install prometheus")
    port, keys, logs = free_port(), directory / "keys", directory / "logs"
    config, targets, token_file = keys / "prometheus.yaml", keys / "targets.json", keys / "prometheus.token"
    scrape = {
        "job_name": "pods",
        "honor_labels": True,
        "file_sd_configs": [{"files": [str(targets)], "refresh_interval": "5s"}],
    }
    config.write_text(
        yaml.safe_dump({"global": {"scrape_interval": "5s", "scrape_timeout": "4s"}, "scrape_configs": [scrape]})
    )
    token_file.write_text(token)
    token_file.chmod(0o600)
    discovery = start(
        "discovery", [sys.executable, "-m", "devcluster.discovery", api_server, str(token_file), str(targets)], logs
    )
    command = [
        binary,
        f"--config.file={config}",
        f"--storage.tsdb.path={directory / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--storage.tsdb.retention.time=2h",
        "--log.level=warn",
    ]
    process = start("prometheus", command, logs)
    wait_until("Prometheus", lambda: answers(f"http://127.0.0.1:{port}/-/ready"), process, logs=logs)
    return port, [discovery, process]
