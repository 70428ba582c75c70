"""Object storage, s3:// and file:// alike, with errors that say which URI, which server and what to do."""

import errno
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tunewright_api.storage import Storage
from tunewright_trainer.shell.errors import BucketMissing, InvalidSpec, ObjectMissing, StorageDenied, StorageUnavailable
from tunewright_trainer.shell.fast_reads import FastReadFailedError, FastReads, Part, fast_reads

if TYPE_CHECKING:
    from boto3 import Session
    from mypy_boto3_s3.client import S3Client

CONNECT_TIMEOUT_SECONDS = 10
READ_TIMEOUT_SECONDS = 60
BLOCK_BYTES = 1 << 20
DENIED_CODES = frozenset(
    {"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "AllAccessDisabled"}
)
MISSING_CODES = frozenset({"404", "NoSuchKey", "NoSuchBucket", "NotFound"})
DISK_IS_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True)
class ObjectInfo:
    """One object of a listing. `size` in bytes."""

    uri: str
    size: int
    etag: str = ""
    version_id: str = ""
    """Where the bucket keeps versions and the object was asked for by itself."""


class ObjectStore(Protocol):
    """What steps need of a store. URIs are whole; a prefix ends without a slash."""

    def read(self, uri: str, start: int = 0, length: int | None = None) -> bytes: ...
    def read_into(self, item: ObjectInfo, start: int, length: int, take: Callable[[bytes], object]) -> str: ...
    def write(self, uri: str, data: bytes, *, only_if_absent: bool = False) -> bool: ...
    def download(self, uri: str, path: Path) -> None: ...
    def upload(self, path: Path, uri: str) -> None: ...
    def list_objects(self, prefix: str) -> list[ObjectInfo]: ...
    def info(self, uri: str) -> ObjectInfo | None: ...


def read_credentials(folder: Path) -> dict[str, str]:
    """Keys of a mounted Secret, as boto3's client takes them."""
    arguments = {
        "AWS_ACCESS_KEY_ID": "aws_access_key_id",
        "AWS_SECRET_ACCESS_KEY": "aws_secret_access_key",
        "AWS_SESSION_TOKEN": "aws_session_token",
    }
    found = {
        argument: text
        for key, argument in arguments.items()
        if (folder / key).is_file() and (text := (folder / key).read_text().strip())
    }
    missing = [key for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if arguments[key] not in found]
    if missing:
        raise StorageDenied(
            f"Secret {folder.name} has no key {' and no key '.join(missing)}: object storage needs both"
        )
    return found


def open_store(storage: Storage, secrets: Path | None) -> ObjectStore:
    """A store for every scheme; S3 is connected to on first use."""
    return _AnyStore(lambda: _s3_store(storage, secrets))


def _s3_store(storage: Storage, secrets: Path | None) -> "S3Store":
    import boto3

    given: dict[str, Any] = (
        read_credentials(secrets / storage.secret_ref.name) if storage.secret_ref and secrets else {}
    )
    session = boto3.Session(region_name=storage.signing_region, **given)
    fast = fast_reads(storage, lambda: _credentials_of(session), CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS)
    return S3Store(_s3_client(session, storage), storage.server, fast)


def _s3_client(session: "Session", storage: Storage) -> "S3Client":
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 4},
        s3={"addressing_style": "path" if storage.is_path_style else "virtual"},
        # Servers other than AWS reject or ignore the newer default checksums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        proxies={} if storage.endpoint else None,
    )
    try:
        return session.client("s3", endpoint_url=storage.endpoint, config=config)
    except ValueError as error:
        # Only the form of the address has been looked at; nothing is sent yet.
        raise InvalidSpec(f"spec.storage.endpoint: {storage.endpoint} is not the address of a server") from error


def _credentials_of(session: "Session") -> tuple[str, str, str | None]:
    found = session.get_credentials()
    if found is None:
        raise FastReadFailedError
    frozen = found.get_frozen_credentials()
    return frozen.access_key or "", frozen.secret_key or "", frozen.token


def _said(error: Exception, server: str) -> str:
    """What a failure below HTTP means to someone who looks at the address."""
    from botocore.exceptions import SSLError
    from botocore.parsers import ResponseParserError

    if isinstance(error, SSLError):
        return f"{server} does not speak TLS, or shows a certificate that is not trusted here"
    if isinstance(error, ResponseParserError):
        return f"{server} answered, but not as an S3 server does"
    return f"{server} did not answer ({type(error).__name__})"


def split_uri(uri: str) -> tuple[str, str]:
    """s3://bucket/key -> (bucket, key)."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


class S3Store:
    """S3 and what speaks like it."""

    def __init__(self, client: "S3Client", server: str, fast: FastReads | None) -> None:
        self._client = client
        self._server = server
        self._fast = fast

    @contextmanager
    def _translated(self, uri: str) -> Iterator[None]:
        from boto3.exceptions import S3UploadFailedError
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ParamValidationError
        from botocore.parsers import ResponseParserError

        try:
            yield
        except ParamValidationError as error:
            raise InvalidSpec(f"{uri} names no object: write s3://bucket/key with a bucket's legal name") from error
        except ClientError as error:
            raise self._client_error(uri, error) from error
        except S3UploadFailedError as error:
            cause = error.__context__
            if isinstance(cause, ClientError):
                raise self._client_error(uri, cause) from error
            raise StorageUnavailable(f"{uri} could not be written to {self._server}: the upload broke off") from error
        except NoCredentialsError as error:
            raise StorageDenied(
                f"{uri}: there are no credentials for {self._server}; name a Secret in spec.storage.secretRef or give the service account a cloud identity"
            ) from error
        except (BotoCoreError, ResponseParserError) as error:
            raise StorageUnavailable(f"{uri}: {_said(error, self._server)}") from error
        except OSError as error:
            if error.errno in DISK_IS_FULL:
                raise InvalidSpec(
                    f"{uri} does not fit on the scratch volume: raise spec.compute.scratchSize"
                ) from error
            raise StorageUnavailable(f"{uri}: {self._server} did not answer ({type(error).__name__})") from error

    def _client_error(self, uri: str, error: Any) -> Exception:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code in DENIED_CODES or status in {401, 403}:
            return StorageDenied(f"{self._server} refused access to {uri} ({code})")
        if code == "NoSuchBucket":
            return BucketMissing(f"{uri}: there is no bucket {split_uri(uri)[0]} on {self._server}")
        if code in MISSING_CODES or status == 404:
            return ObjectMissing(f"{uri} does not exist on {self._server}")
        if status == 412:
            return StorageUnavailable(f"{uri} was overwritten while it was read: leave the objects of a run alone")
        # A number for a code means that the answer was none of S3's own.
        said = f"{status}, and not as an S3 server does" if code.isdigit() else f"{status} {code}"
        return StorageUnavailable(f"{uri}: {self._server} answered {said}")

    def read(self, uri: str, start: int = 0, length: int | None = None) -> bytes:
        bucket, key = split_uri(uri)
        span = {"Range": f"bytes={start}-{start + length - 1}"} if length is not None else {}
        with self._translated(uri):
            return self._client.get_object(Bucket=bucket, Key=key, **span)["Body"].read()  # type: ignore[arg-type]

    def read_into(self, item: ObjectInfo, start: int, length: int, take: Callable[[bytes], object]) -> str:
        """Hand a part of this very object over, block by block; the version that it was read from. One that was overwritten is refused."""
        reached = start

        def count(block: bytes) -> None:
            nonlocal reached
            take(block)
            reached += len(block)

        part = Part(*split_uri(item.uri), start, start + length, item.etag, item.version_id)
        with self._translated(item.uri):
            if self._fast is not None and length:
                with suppress(FastReadFailedError):
                    return self._fast.read_into(part, count, BLOCK_BYTES)
            if length and reached == part.end:
                # All has come; a range of nothing would be answered with everything.
                return item.version_id
            return self._read_on(replace(part, start=reached), take)

    def _read_on(self, part: Part, take: Callable[[bytes], object]) -> str:
        pinned: dict[str, Any] = {"IfMatch": part.quoted_etag} if part.etag else {}
        if part.version_id:
            pinned["VersionId"] = part.version_id
        span = f"bytes={part.start}-{part.end - 1}"
        answer = self._client.get_object(Bucket=part.bucket, Key=part.key, Range=span, **pinned)
        for block in answer["Body"].iter_chunks(BLOCK_BYTES):
            take(block)
        return str(answer.get("VersionId", ""))

    def write(self, uri: str, data: bytes, *, only_if_absent: bool = False) -> bool:
        from botocore.exceptions import ClientError

        bucket, key = split_uri(uri)
        condition = {"IfNoneMatch": "*"} if only_if_absent else {}
        with self._translated(uri):
            try:
                self._client.put_object(Bucket=bucket, Key=key, Body=data, **condition)  # type: ignore[arg-type]
            except ClientError as error:
                # 409: another conditional write of the same key is under way, and will win.
                if only_if_absent and error.response["ResponseMetadata"]["HTTPStatusCode"] in {409, 412}:
                    return False
                raise
        return True

    def download(self, uri: str, path: Path) -> None:
        bucket, key = split_uri(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._translated(uri):
            self._client.download_file(bucket, key, str(path))

    def upload(self, path: Path, uri: str) -> None:
        bucket, key = split_uri(uri)
        with self._translated(uri):
            self._client.upload_file(str(path), bucket, key)

    def list_objects(self, prefix: str) -> list[ObjectInfo]:
        bucket, key = split_uri(prefix)
        with self._translated(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=f"{key.rstrip('/')}/" if key else ""
            )
            return [
                ObjectInfo(f"s3://{bucket}/{item['Key']}", item["Size"], item.get("ETag", "").strip('"'))
                for page in pages
                for item in page.get("Contents", [])
                if not item["Key"].endswith("/")
            ]

    def info(self, uri: str) -> ObjectInfo | None:
        bucket, key = split_uri(uri)
        try:
            with self._translated(uri):
                head = self._client.head_object(Bucket=bucket, Key=key)
        except ObjectMissing:
            return None
        return ObjectInfo(uri, head["ContentLength"], head["ETag"].strip('"'), head.get("VersionId", ""))


def _path(uri: str) -> Path:
    return Path(uri.removeprefix("file://"))


def _part(target: Path) -> Path:
    """Where a write is prepared: another place for each writer, for threads and processes may race for one name."""
    return target.with_name(f".{target.name[:200]}.{uuid.uuid4().hex}.part")


def _is_part(path: Path) -> bool:
    return path.name.startswith(".") and path.name.endswith(".part")


class FileStore:
    """file:// for local runs. A write appears whole or not at all."""

    @contextmanager
    def _translated(self, uri: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise ObjectMissing(f"{uri} does not exist") from error
        except PermissionError as error:
            raise StorageDenied(f"{uri} cannot be accessed by this user") from error
        except OSError as error:
            raise StorageUnavailable(f"{uri}: {error.strerror}") from error

    def read(self, uri: str, start: int = 0, length: int | None = None) -> bytes:
        with self._translated(uri), _path(uri).open("rb") as file:
            file.seek(start)
            return file.read(-1 if length is None else length)

    def read_into(self, item: ObjectInfo, start: int, length: int, take: Callable[[bytes], object]) -> str:
        with self._translated(item.uri), _path(item.uri).open("rb") as file:
            file.seek(start)
            left = length
            while left and (block := file.read(min(left, BLOCK_BYTES))):
                take(block)
                left -= len(block)
        return ""

    def write(self, uri: str, data: bytes, *, only_if_absent: bool = False) -> bool:
        target = _path(uri)
        with self._translated(uri):
            target.parent.mkdir(parents=True, exist_ok=True)
            part = _part(target)
            part.write_bytes(data)
            if not only_if_absent:
                os.replace(part, target)
                return True
            try:
                os.link(part, target)
            except FileExistsError:
                return False
            finally:
                part.unlink()
        return True

    def download(self, uri: str, path: Path) -> None:
        with self._translated(uri):
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(_path(uri), path)

    def upload(self, path: Path, uri: str) -> None:
        target = _path(uri)
        with self._translated(uri):
            target.parent.mkdir(parents=True, exist_ok=True)
            part = _part(target)
            shutil.copyfile(path, part)
            os.replace(part, target)

    def list_objects(self, prefix: str) -> list[ObjectInfo]:
        with self._translated(prefix):
            files = sorted(path for path in _path(prefix).rglob("*") if path.is_file() and not _is_part(path))
            return [ObjectInfo(f"file://{path}", path.stat().st_size) for path in files]

    def info(self, uri: str) -> ObjectInfo | None:
        path = _path(uri)
        with self._translated(uri):
            return ObjectInfo(uri, path.stat().st_size) if path.is_file() else None


class _AnyStore:
    """Chooses by scheme."""

    def __init__(self, make_s3: Callable[[], S3Store]) -> None:
        self._make_s3 = make_s3
        self._s3: S3Store | None = None
        self._files = FileStore()

    def _store(self, uri: str) -> ObjectStore:
        if uri.startswith("file://"):
            return self._files
        if self._s3 is None:
            self._s3 = self._make_s3()
        return self._s3

    def read(self, uri: str, start: int = 0, length: int | None = None) -> bytes:
        return self._store(uri).read(uri, start, length)

    def read_into(self, item: ObjectInfo, start: int, length: int, take: Callable[[bytes], object]) -> str:
        return self._store(item.uri).read_into(item, start, length, take)

    def write(self, uri: str, data: bytes, *, only_if_absent: bool = False) -> bool:
        return self._store(uri).write(uri, data, only_if_absent=only_if_absent)

    def download(self, uri: str, path: Path) -> None:
        self._store(uri).download(uri, path)

    def upload(self, path: Path, uri: str) -> None:
        self._store(uri).upload(path, uri)

    def list_objects(self, prefix: str) -> list[ObjectInfo]:
        return self._store(prefix).list_objects(prefix)

    def info(self, uri: str) -> ObjectInfo | None:
        return self._store(uri).info(uri)
