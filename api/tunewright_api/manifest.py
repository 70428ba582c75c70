"""The manifest of a folder in object storage: uploaded last, and believed only when every file in it matches."""

import hashlib
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from tunewright_api.base import Digest, ObservedModel, ShortText, Text, Timestamp
from tunewright_api.run import RunResult


class FileEntry(ObservedModel):
    """One file, by its path below the manifest's prefix."""

    path: Text
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(ObservedModel):
    """What one writer wrote."""

    schema_version: int = 1
    kind: Literal["Step", "Checkpoint", "Adapter"]
    run_id: ShortText
    step: ShortText
    attempt: int
    prefix: Text
    """URI of the folder that holds the files."""
    files: list[FileEntry]
    digest: Digest
    """Digest of the canonical content (see `canonical_digest`); equal content has an equal digest, whoever wrote it."""
    inputs: dict[str, Digest] = {}
    """Digests of what it was made from, by step name."""
    global_step: int | None = None
    """Checkpoints only: optimizer steps done."""
    result: RunResult | None = None
    """Steps only: the result, so that an attempt that finds the step committed can report it again."""
    created_at: Timestamp


def canonical_digest(entries: Iterable[tuple[str, str]]) -> str:
    """Digest over (path, content digest) pairs in the order of their paths: one line `<digest>  <path>` each, as sha256sum prints them."""
    lines = "".join(f"{digest}  {path}\n" for path, digest in sorted(entries))
    return "sha256:" + hashlib.sha256(lines.encode()).hexdigest()
