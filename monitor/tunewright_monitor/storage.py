"""Reads from object storage, s3:// and file:// alike. Never writes, never lists or reads more than it was asked for."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tunewright_api.storage import Storage

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS, ATTEMPTS = 5, 30, 2
CREDENTIAL_KEYS = {
    "AWS_ACCESS_KEY_ID": "aws_access_key_id",
    "AWS_SECRET_ACCESS_KEY": "aws_secret_access_key",
    "AWS_SESSION_TOKEN": "aws_session_token",
}
REQUIRED_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


class StorageError(Exception):
    """One sentence that says which object, which server and what it answered."""


class ObjectMissing(StorageError):
    """There is nothing under that name."""


@dataclass(frozen=True)
class ObjectInfo:
    """One object of a listing. `version` changes when its content does."""

    uri: str
    size: int
    version: str


class ObjectReader(Protocol):
    """What the monitor needs of a store."""

    def read(self, uri: str, start: int = 0) -> bytes:
        """The bytes from `start` to the end."""

    def newest(self, prefix: str, limit: int) -> list[ObjectInfo]:
        """The last `limit` objects below `prefix` in the order of their names, last first."""


def open_reader(uri: str, storage: Storage, secrets: Path) -> ObjectReader:
    """The reader for `uri`. `secrets` is the folder below which Secrets are mounted."""
    if uri.startswith("file://"):
        return FileReader()
    return S3Reader(_s3_client(storage, secrets), storage.server)


def read_credentials(folder: Path) -> dict[str, str]:
    """Keys of a mounted Secret, as boto3's client takes them."""
    found = {
        argument: (folder / key).read_text().strip()
        for key, argument in CREDENTIAL_KEYS.items()
        if (folder / key).is_file()
    }
    missing = [key for key in REQUIRED_KEYS if CREDENTIAL_KEYS[key] not in found]
    if missing:
        raise StorageError(f"Secret {folder.name} has no key {' and no key '.join(missing)}: object storage needs both")
    return found


def _s3_client(storage: Storage, secrets: Path) -> "S3Client":
    import boto3
    from botocore.config import Config

    credentials: dict[str, Any] = read_credentials(secrets / storage.secret_ref.name) if storage.secret_ref else {}
    return boto3.client(
        "s3",
        endpoint_url=storage.endpoint,
        region_name=storage.signing_region,
        config=Config(
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            s3={"addressing_style": "path" if storage.is_path_style else "virtual"},
            response_checksum_validation="when_required",
            proxies={} if storage.endpoint else None,
        ),
        **credentials,
    )


def _split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


class S3Reader:
    """S3 and what speaks like it."""

    def __init__(self, client: "S3Client", server: str) -> None:
        self._client = client
        self._server = server

    def read(self, uri: str, start: int = 0) -> bytes:
        bucket, key = _split(uri)
        with self._translated(uri):
            if start:
                return self._client.get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-")["Body"].read()
            return self._client.get_object(Bucket=bucket, Key=key)["Body"].read()

    def newest(self, prefix: str, limit: int) -> list[ObjectInfo]:
        bucket, key = _split(prefix)
        # S3 lists in ascending order only, so all pages go by; only the last names are kept in memory.
        last: deque[ObjectInfo] = deque(maxlen=limit)
        with self._translated(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=f"{key.rstrip('/')}/" if key else ""
            )
            for page in pages:
                last.extend(
                    ObjectInfo(f"s3://{bucket}/{item['Key']}", item["Size"], item.get("ETag", ""))
                    for item in page.get("Contents", [])
                )
        return list(reversed(last))

    @contextmanager
    def _translated(self, uri: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

        try:
            yield
        except ClientError as error:
            raise self._client_error(uri, error) from error
        except NoCredentialsError as error:
            raise StorageError(
                f"{uri}: there are no credentials for {self._server}; name a Secret in spec.storage.secretRef"
                " or give the service account a cloud identity"
            ) from error
        except (BotoCoreError, OSError) as error:
            raise StorageError(f"{uri}: {self._server} did not answer ({type(error).__name__})") from error

    def _client_error(self, uri: str, error: Any) -> StorageError:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code == "NoSuchBucket":
            return StorageError(f"{uri}: there is no bucket {_split(uri)[0]} on {self._server}")
        if status == 404:
            return ObjectMissing(f"{uri} does not exist on {self._server}")
        if status in {401, 403}:
            return StorageError(
                f"{self._server} refused access to {uri} ({code}): the Secret needs the right to read it"
            )
        return StorageError(f"{uri}: {self._server} answered {status} {code}")


class FileReader:
    """file:// for local use."""

    def read(self, uri: str, start: int = 0) -> bytes:
        try:
            with Path(uri.removeprefix("file://")).open("rb") as file:
                file.seek(start)
                return file.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise ObjectMissing(f"{uri} does not exist") from error
        except OSError as error:
            raise StorageError(f"{uri}: {error.strerror}") from error

    def newest(self, prefix: str, limit: int) -> list[ObjectInfo]:
        root = Path(prefix.removeprefix("file://"))
        found = []
        for path in sorted((path for path in root.rglob("*") if path.is_file()), reverse=True)[:limit]:
            facts = path.stat()
            found.append(ObjectInfo(f"file://{path}", facts.st_size, str(facts.st_mtime_ns)))
        return found
