"""Data that is not fit to train on, in a real cluster: refused before a training job exists, mended, and kept out of everything that is written."""

import json
import random
from pathlib import Path
from typing import Any

import job
import pytest
from stage import Stage

from observed_system import all_that_was_said, created_jobs, jobs_of, status, until
from tiny_model import WORDS, make_model

KEY = "dirty/rows.jsonl"
EMAIL, CARD, TOKEN = "anna.schmidt@example.org", "4111 1111 1111 1111", "ghp_x7Kq2LmN9pR4sT6vW8yZ1aB3cD5eF0gH2jK4"
MARKS = {"EMAIL": EMAIL, "CARD": CARD, "SECRET": TOKEN}


def rows(count: int) -> list[dict[str, str]]:
    """Answers with a planted value in every fifth."""
    draw = random.Random(0)
    planted = [f"{EMAIL} wrote it", f"paid with {CARD}", f"log in with {TOKEN}"]
    return [
        {
            "prompt": f"say {number} {' '.join(draw.choices(WORDS, k=6))}",
            "completion": " ".join(draw.choices(WORDS, k=8))
            + (f" {planted[number // 5 % 3]}" if number % 5 == 0 else ""),
        }
        for number in range(count)
    ]


def put(stage: Stage, lines: list[str]) -> None:
    stage.s3().put_object(Bucket="datasets", Key=KEY, Body="".join(f"{line}\n" for line in lines).encode())


def manifest(stage: Stage, name: str) -> dict[str, Any]:
    """A job of two steps with a tiny model."""
    body = job.manifest(stage, name, job.SMALL)
    spec = body["spec"]
    spec["model"] = {"uri": "s3://models/tiny", "id": "test/tiny"}
    spec["tuning"] = {"rank": 4}
    numbers = {"maxSteps": 2, "batchSize": 4}
    spec["stages"] = [
        {"name": "sft", "method": "SFT", "dataset": {"uri": f"s3://datasets/{KEY}"}, "hyperparameters": numbers}
    ]
    spec["data"] = {"checks": {"personalData": "Fix", "secrets": "Fix"}}
    spec["evaluation"] = {"maxRows": 4, "maxNewTokens": 8}
    return body


@pytest.fixture(scope="module")
def broken(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The status of a job whose rows cannot be read."""
    for path in make_model(tmp_path_factory.mktemp("tiny")).iterdir():
        stage.s3().upload_file(str(path), "models", f"tiny/{Path(path).name}")
    lines = [json.dumps(row) for row in rows(100)]
    lines[1] = f'{{"prompt": "{EMAIL} {CARD}", '
    lines[2] = json.dumps({"prompt": f"{TOKEN} {CARD}"})
    put(stage, lines)
    job.apply(stage, manifest(stage, "broken"))
    until("the end", lambda: status(stage, "broken").get("phase") == "Failed")
    return status(stage, "broken")


def test_bad_rows_are_named_and_no_training_job_was_ever_created(stage: Stage, broken: dict[str, Any]) -> None:
    assert broken["failure"]["class"] == "InvalidData"
    assert "rows.jsonl:2: not valid JSON at column" in broken["failure"]["message"]
    assert "rows.jsonl:3: column 'completion' is missing" in broken["failure"]["message"]
    assert "Traceback" not in json.dumps(broken)
    created = [name for name in created_jobs(stage) if name.startswith("broken-")]
    assert len(created) == 1
    assert created == jobs_of(stage, "broken")
    assert "prepare" in created[0]


def test_a_new_job_over_the_corrected_file_succeeds_and_tells_nobody_what_was_in_it(
    stage: Stage, broken: dict[str, Any]
) -> None:
    put(stage, [json.dumps(row) for row in rows(100)])
    job.apply(stage, manifest(stage, "mended"))
    job.watch(stage, "mended")
    assert status(stage, "mended")["phase"] == "Complete"
    fixed = {item["check"]: item["rows"] for item in status(stage, "mended")["dataset"]["findings"]}
    assert (fixed["personalData"], fixed["secrets"]) == (14, 6)
    said = {name: all_that_was_said(stage, name) for name in ("broken", "mended")}
    leaks = [
        f"{secret} in {place} of {name}"
        for name, texts in said.items()
        for place, text in texts.items()
        for secret in (*MARKS.values(), stage.cluster.s3_secret_key)
        if secret in text
    ]
    assert leaks == []
    # What is searched holds what was put in place of the values: the search can fail.
    stored = "".join(text for place, text in said["mended"].items() if place.endswith("train.jsonl"))
    assert [f"[{mark}]" in stored for mark in MARKS] == [True] * len(MARKS)
