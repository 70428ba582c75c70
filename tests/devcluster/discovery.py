"""Tells Prometheus which pods to scrape: Debian's build has no Kubernetes discovery, so this writes the file that it reads instead.

`python -m devcluster.discovery API_SERVER TOKEN_FILE TARGETS_FILE`; the annotations are the usual prometheus.io/{scrape,port}."""

import json
import os
import ssl
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

PAUSE_SECONDS = 2
PREFIX = "prometheus.io"


def targets(pods: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Targets in the form of file_sd_configs: running pods that ask to be scraped."""
    found = []
    for pod in pods:
        metadata, status = pod["metadata"], pod["status"]
        annotations = metadata.get("annotations") or {}
        if annotations.get(f"{PREFIX}/scrape") != "true" or status.get("phase") != "Running" or not status.get("podIP"):
            continue
        address = f"{status['podIP']}:{annotations.get(f'{PREFIX}/port', '8080')}"
        found.append({"targets": [address], "labels": {"namespace": metadata["namespace"], "pod": metadata["name"]}})
    return sorted(found, key=lambda item: str(item["targets"]))


def _pods(server: str, token: str) -> list[dict[str, Any]]:
    request = urllib.request.Request(f"{server}/api/v1/pods", headers={"Authorization": f"Bearer {token}"})
    handlers = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=ssl._create_unverified_context()))
    with urllib.request.build_opener(*handlers).open(request, timeout=5) as response:
        items: list[dict[str, Any]] = json.load(response)["items"]
    return items


def main(server: str, token_file: str, target_file: str) -> None:
    """Write the file whenever it changes, until stopped."""
    token, path = Path(token_file).read_text(), Path(target_file)
    while True:
        try:
            text = json.dumps(targets(_pods(server, token)), indent=1)
        except OSError as error:
            sys.stderr.write(f"pods cannot be listed: {error}\n")
        else:
            if not path.exists() or path.read_text() != text:
                part = path.with_suffix(".part")
                part.write_text(text)
                os.replace(part, path)
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:4])
