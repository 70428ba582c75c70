"""What a system on a real cluster shows of its jobs: status, children, audit log, and all the text it has written."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stage import NAMESPACE, SYSTEM_NAMESPACE, Stage

from operator_process import AuditLog

TIMEOUT_SECONDS = 900


def status(stage: Stage, name: str) -> dict[str, Any]:
    """The job's status; empty before it has one."""
    found: dict[str, Any] = stage.get("ftj", name, "-n", NAMESPACE).get("status") or {}
    return found


def step(stage: Stage, name: str, step_name: str) -> dict[str, Any]:
    """A step of the job's status; empty before it has begun."""
    return next((item for item in status(stage, name).get("steps", []) if item["name"] == step_name), {})


def until(what: str, check: Callable[[], Any], seconds: float = TIMEOUT_SECONDS) -> Any:
    """What `check` finds, once it finds anything."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = check()
        except RuntimeError:
            # The API server or an object is away for a moment; the deadline decides.
            found = None
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.5)


def jobs_of(stage: Stage, name: str) -> list[str]:
    """Names of the batch Jobs that a FineTuneJob has."""
    found = stage.get("jobs", "-n", NAMESPACE, "-l", f"tunewright.dev/job={name}")["items"]
    return [item["metadata"]["name"] for item in found]


def created_jobs(stage: Stage) -> Counter[str]:
    """Successful creations by name, from the audit log."""
    return Counter(
        entry["objectRef"]["name"]
        for entry in AuditLog(Path(stage.cluster.audit_log)).entries()
        if entry["verb"] == "create"
        and entry["responseStatus"]["code"] == 201
        and (entry.get("objectRef") or {}).get("resource") == "jobs"
    )


def all_that_was_said(stage: Stage, name: str) -> dict[str, str]:
    """Every text about a job that somebody may read, by where it stands: logs, events, the objects, all it has put into object storage."""
    found = {
        f"log of {pod}": stage.kubectl("logs", "-n", space, pod, "--all-containers", "--tail=-1")
        for space, pod in _pods(stage, name)
    }
    for kind in ("events", "jobs", "pods", "configmaps", "ftj"):
        found[kind] = stage.kubectl("get", kind, "-n", NAMESPACE, "-o", "json")
    found["description"] = stage.kubectl("describe", "ftj", name, "-n", NAMESPACE)
    storage = stage.s3()
    for page in storage.get_paginator("list_objects_v2").paginate(Bucket="adapters"):
        for item in page.get("Contents", []):
            body = storage.get_object(Bucket="adapters", Key=item["Key"])["Body"].read()
            found[f"s3://adapters/{item['Key']}"] = body.decode("utf-8", errors="replace")
    return found


def _pods(stage: Stage, name: str) -> list[tuple[str, str]]:
    mine = stage.get("pods", "-n", NAMESPACE, "-l", f"tunewright.dev/job={name}")["items"]
    operators = stage.get("pods", "-n", SYSTEM_NAMESPACE)["items"]
    return [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in (*mine, *operators)]
