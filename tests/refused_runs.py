"""Runs that must be refused: uploads what a case is about, plays the operator, and holds what the user sees against what was promised."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import tiny_model
import trainer_process
from devcluster.s3 import ACCESS_KEY, SECRET_KEY, client
from tunewright_api import names
from tunewright_api.failures import FAIL_JOB_EXIT_CODES, FailureClass, exit_code
from tunewright_api.run import RunConfig, RunResult, StepInput, termination_message
from tunewright_api.spec import FineTuneJobSpec
from tunewright_trainer.shell.environment import Environment
from tunewright_trainer.step import run_step

BUCKET = "good"
EXIT_CODES = {
    FailureClass.INVALID_SPEC: 64,
    FailureClass.INVALID_DATA: 65,
    FailureClass.MODEL_UNAVAILABLE: 66,
    FailureClass.STORAGE_DENIED: 67,
    FailureClass.STORAGE_UNAVAILABLE: 68,
}
HINTS = {
    FailureClass.INVALID_SPEC: "Correct the field named in the message and create the job again under a new name, or delete it first.",
    FailureClass.INVALID_DATA: "Correct the rows named in the message, upload the file again and raise spec.runAttempt.",
    FailureClass.MODEL_UNAVAILABLE: "Check that spec.model.uri is a folder with config.json, a tokenizer and *.safetensors files that are complete.",
    FailureClass.STORAGE_DENIED: "Check the keys in the Secret that spec.storage.secretRef names and their rights on the bucket.",
    FailureClass.STORAGE_UNAVAILABLE: "Check spec.storage.endpoint and that pods of this namespace can reach it.",
}


def row(number: int, **changes: Any) -> bytes:
    """One good row, or one with changes; a column that is None is left out."""
    first, second = tiny_model.WORDS[number % 12], tiny_model.WORDS[number // 3 % 12]
    values = {"prompt": f"say {number} {first} {second}", "completion": f"{second} {first}", **changes}
    return json.dumps({key: value for key, value in values.items() if value is not None}).encode()


def rows(count: int = 40) -> list[bytes]:
    """Good rows."""
    return [row(number) for number in range(count)]


def with_line(line: bytes) -> bytes:
    """A file of 41 rows with `line` as its seventh."""
    good = rows()
    return b"\n".join([*good[:6], line, *good[6:]]) + b"\n"


@dataclass
class World:
    """A bucket with a good model, from which each case differs in one thing."""

    server: str
    model: Path
    folder: Path
    admin: Any
    runs: dict[str, dict[str, StepInput]] = field(default_factory=dict)

    def put(self, key: str, body: bytes, bucket: str = BUCKET) -> str:
        """Upload one object; returns its URI."""
        self.admin.put_object(Bucket=bucket, Key=key, Body=body)
        return f"s3://{bucket}/{key}"

    def put_model(self, folder: str, changes: Mapping[str, bytes | None], bucket: str = BUCKET) -> str:
        """Upload the good model with files replaced, added, or (None) left out."""
        files: dict[str, bytes | None] = {path.name: path.read_bytes() for path in sorted(self.model.iterdir())}
        for name, body in {**files, **changes}.items():
            if body is not None:
                self.put(f"{folder}/{name}", body, bucket)
        return f"s3://{bucket}/{folder}"

    def config(self, name: str, step: str, spec: FineTuneJobSpec | dict[str, Any], attempt: int = 1) -> RunConfig:
        """What the operator tells the pod of one attempt."""
        return RunConfig(
            namespace="t",
            name=name,
            uid="u" * 8,
            run_id="r1-u",
            step=step,
            attempt=attempt,
            inputs=self.runs.get(name, {}),
            spec=FineTuneJobSpec.model_validate(spec) if isinstance(spec, dict) else spec,
        )

    def spec(self, data: str, **changes: Any) -> dict[str, Any]:
        """A job of one short SFT stage."""
        stage = {
            "name": "sft",
            "method": "SFT",
            "dataset": {"uri": data},
            "hyperparameters": {"maxSteps": 2, "batchSize": 2},
        }
        return {
            "model": {"uri": f"s3://{BUCKET}/models/good", "id": "test/tiny"},
            "tuning": {"rank": 4},
            "stages": [{**stage, **changes.pop("stage", {})}],
            "evaluation": {"maxRows": 2, "maxNewTokens": 4},
            "output": {"uri": f"s3://{BUCKET}/out"},
            "storage": {"endpoint": self.server},
            **changes,
        }  # fmt: skip

    def attempt(self, config: RunConfig, secrets: Path | None = None) -> RunResult:
        """One attempt of one step in this process; a success is what the next steps are given."""
        environment = Environment(pod_uid="1234abcd-0000", scratch=self.folder / "scratch", secrets=secrets)
        result = run_step(config, environment)
        if result.failure is None:
            given = StepInput(manifest_uri=result.manifest_uri or "", digest=result.digest or "")
            self.runs[config.name] = {**self.runs.get(config.name, {}), config.step: given}
        return result

    def manifests(self, name: str) -> list[str]:
        """Keys below the run's prefix that would make a reader believe that something is complete."""
        return [key for key in self.keys(f"out/t/{name}/") if key.endswith("manifest.json")]

    def keys(self, prefix: str) -> list[str]:
        """Keys of the bucket."""
        pages = self.admin.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]


@contextmanager
def world(folder: Path, purpose: str) -> Iterator[World]:
    """S3 of one's own, with the good model in two buckets; credentials in the environment, as cloud identity puts them there."""
    with trainer_process.own_s3(purpose) as cluster, pytest.MonkeyPatch.context() as patched:
        for variable, value in (
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ):
            patched.setenv(variable, value)
        admin = client(cluster.s3_endpoint)
        for bucket in (BUCKET, "allowed", "private"):
            admin.create_bucket(Bucket=bucket)
        found = World(cluster.s3_endpoint, tiny_model.make_model(folder / "model"), folder, admin)
        for bucket in (BUCKET, "allowed"):
            found.put_model("models/good", {}, bucket)
            found.put("data/good.jsonl", b"\n".join(rows()), bucket)
        yield found


def case_name(request: pytest.FixtureRequest) -> str:
    """A job's name from the id of a case."""
    return re.sub("[^a-z0-9]+", "-", request.node.callspec.id.lower())[:40].strip("-")


def assert_refused(result: RunResult, failure_class: FailureClass, sentence: str, hint: str | None = None) -> None:
    """Class, exit code, message and hint are what was promised, and fit in what the kubelet passes on."""
    message = termination_message(result).encode()
    assert len(message) <= names.TERMINATION_MESSAGE_BYTES
    assert b"Traceback" not in message
    failure = RunResult.model_validate_json(message).failure
    assert failure is not None
    assert failure.message == sentence, f"GOT {failure.message!r}"
    assert failure.failure_class is failure_class
    assert failure.hint == (hint or HINTS[failure_class])
    assert exit_code(failure_class) == EXIT_CODES[failure_class]
    assert EXIT_CODES[failure_class] in FAIL_JOB_EXIT_CODES


def assert_good_job_is_unaffected(world: World) -> None:
    """After all that was refused, the good job of the same bucket goes all its way, and its adapter is whole."""
    spec = FineTuneJobSpec.model_validate(world.spec(f"s3://{BUCKET}/data/good.jsonl"))
    for step in spec.steps():
        result = world.attempt(world.config("good", step, spec))
        assert result.failure is None, (step, result.failure)
    prefix = "out/t/good/r1-u/adapter/"
    manifest = json.loads(world.admin.get_object(Bucket=BUCKET, Key=f"{prefix}manifest.json")["Body"].read())
    assert sorted(world.keys(prefix)) == sorted(f"{prefix}{entry}" for entry in [*(f["path"] for f in manifest["files"]), "manifest.json"])  # fmt: skip
