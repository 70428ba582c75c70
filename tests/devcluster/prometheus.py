"""A real Prometheus that scrapes every pod that asks for it by annotation."""

import shutil
from pathlib import Path

import yaml

from devcluster.errors import DevclusterError
from devcluster.processes import answers, free_port, start, wait_until
from devcluster.state import Process


def _config(api_server: str, token: str) -> dict[str, object]:
    meta = "__meta_kubernetes_pod"
    return {
        "global": {"scrape_interval": "5s", "scrape_timeout": "4s"},
        "scrape_configs": [
            {
                "job_name": "pods",
                "kubernetes_sd_configs": [
                    {
                        "role": "pod",
                        "api_server": api_server,
                        "authorization": {"credentials": token},
                        "tls_config": {"insecure_skip_verify": True},
                    }
                ],
                "relabel_configs": [
                    {"source_labels": [f"{meta}_annotation_prometheus_io_scrape"], "action": "keep", "regex": "true"},
                    {"source_labels": [f"{meta}_phase"], "action": "keep", "regex": "Running"},
                    {
                        "source_labels": [f"{meta}_ip", f"{meta}_annotation_prometheus_io_port"],
                        "separator": ":",
                        "target_label": "__address__",
                    },
                    {"source_labels": [f"{meta}_name"], "target_label": "pod"},
                ],
                "honor_labels": True,
            }
        ],
    }


def start_prometheus(directory: Path, api_server: str, token: str) -> tuple[int, Process]:
    """Start the server; returns its port on the loopback address."""
    binary = shutil.which("prometheus")
    if binary is None:
        raise DevclusterError("Prometheus is missing: apt-get install prometheus")
    port = free_port()
    config = directory / "keys" / "prometheus.yaml"
    config.write_text(yaml.safe_dump(_config(api_server, token)))
    config.chmod(0o600)
    command = [
        binary,
        f"--config.file={config}",
        f"--storage.tsdb.path={directory / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--storage.tsdb.retention.time=2h",
        "--log.level=warn",
    ]
    process = start("prometheus", command, directory / "logs")
    wait_until("Prometheus", lambda: answers(f"http://127.0.0.1:{port}/-/ready"), process, logs=directory / "logs")
    return port, process
