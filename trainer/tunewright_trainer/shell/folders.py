"""Folders in object storage under the manifest contract: files first, the manifest last, nothing believed that does not match it."""

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from tunewright_api.manifest import FileEntry, Manifest, canonical_digest
from tunewright_trainer.shell.errors import ObjectMissing, TornContent
from tunewright_trainer.shell.storage import ObjectStore

MANIFEST = "manifest.json"
PARALLEL_TRANSFERS = 8


def now() -> str:
    """The time as the contract writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def sha256_of(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_json(value: object) -> bytes:
    """Sorted keys, no spaces, one newline at the end: equal values have equal bytes."""
    return (json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n").encode()


def file_entries(folder: Path) -> list[FileEntry]:
    """Every file below `folder`, in the order of the paths."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [
        FileEntry(path=path.relative_to(folder).as_posix(), size=path.stat().st_size, sha256=sha256_of(path))
        for path in paths
    ]


def upload_files(store: ObjectStore, folder: Path, uri: str, entries: Iterable[FileEntry]) -> None:
    """Upload files side by side; the first error ends it."""
    with ThreadPoolExecutor(PARALLEL_TRANSFERS) as pool:
        list(pool.map(lambda entry: store.upload(folder / entry.path, f"{uri}/{entry.path}"), entries))


def manifest_bytes(manifest: Manifest) -> bytes:
    """A manifest as it is stored."""
    return manifest.model_dump_json(by_alias=True, exclude_none=True, indent=1).encode()


def read_manifest(store: ObjectStore, uri: str) -> Manifest:
    """Read and parse a manifest; unreadable content is torn content."""
    try:
        return Manifest.model_validate_json(store.read(uri))
    except ValidationError as error:
        raise TornContent(f"{uri} is not a manifest: it was cut or overwritten") from error


def check_content(manifest: Manifest, below: str = "") -> None:
    """Hold the manifest's own list of files against its digest, where that is the digest of the files below a path: a list that was written anew with the old digest is refused."""
    listed = canonical_digest((entry.path, entry.sha256) for entry in manifest.files if entry.path.startswith(below))
    if listed != manifest.digest:
        raise TornContent(f"the files that the manifest of step {manifest.step} lists are not those of its digest")


def download_files(store: ObjectStore, manifest: Manifest, folder: Path, below: str = "") -> None:
    """Download the manifest's files (those whose path begins with `below`) and verify size and checksum of each."""

    def fetch(entry: FileEntry) -> None:
        place = PurePosixPath(entry.path)
        if place.is_absolute() or ".." in place.parts:
            raise TornContent(f"the manifest of step {manifest.step} lists a path that leaves its folder")
        target = folder / entry.path
        try:
            store.download(f"{manifest.prefix}/{entry.path}", target)
        except ObjectMissing as error:
            raise TornContent(f"a file of step {manifest.step} is gone: {error}") from error
        if target.stat().st_size != entry.size or sha256_of(target) != entry.sha256:
            raise TornContent(f"{manifest.prefix}/{entry.path} differs from its manifest: it was cut or overwritten")

    with ThreadPoolExecutor(PARALLEL_TRANSFERS) as pool:
        list(pool.map(fetch, [entry for entry in manifest.files if entry.path.startswith(below)]))
