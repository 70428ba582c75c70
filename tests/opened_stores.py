"""Stores as a step opens them, with the credentials of a mounted Secret."""

from pathlib import Path

from devcluster.s3 import ACCESS_KEY, SECRET_KEY
from tunewright_api.storage import Storage
from tunewright_trainer.shell.storage import ObjectStore, open_store

ODD_NAMES = (
    "with space.txt",
    "plus+sign.txt",
    "percent%20.txt",
    "Übung-日本語.txt",
    "quote'and&amp=1.txt",
    "hash#question?.txt",
    "deep/er/file.txt",
)


def secrets(folder: Path, access_key: str, secret_key: str) -> Path:
    """A mounted Secret named s3."""
    mounted = folder / "secrets"
    (mounted / "s3").mkdir(parents=True, exist_ok=True)
    (mounted / "s3" / "AWS_ACCESS_KEY_ID").write_text(access_key)
    (mounted / "s3" / "AWS_SECRET_ACCESS_KEY").write_text(secret_key)
    return mounted


def connect(endpoint: str, folder: Path, access_key: str = ACCESS_KEY, secret_key: str = SECRET_KEY) -> ObjectStore:
    settings = Storage.model_validate({"endpoint": endpoint, "secretRef": {"name": "s3"}})
    return open_store(settings, secrets(folder, access_key, secret_key))
