"""Reads of S3 objects by obstore, which spends a fraction of boto3's time on a request: it shows where a data set is many small objects.

It only helps out. Whatever goes wrong here is asked of boto3 once more, whose errors our words are made of."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies_environment

import obstore
from obstore.store import S3Store as Bucket

from tunewright_api.storage import Storage

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import ClientConfig, RetryConfig, S3Config

Credentials = Callable[[], tuple[str, str, str | None]]
"""Access key, secret key and session token as they are now."""
CREDENTIALS_LAST = timedelta(minutes=5)
LONGEST_PART = timedelta(hours=1)


class FastReadFailedError(Exception):
    """The rest must be read in another way."""


@dataclass(frozen=True)
class Part:
    """A part of one object, of one version of it."""

    bucket: str
    key: str
    start: int
    end: int
    """The first byte that is not asked for."""
    etag: str
    version_id: str
    """Empty where it is not known, as is `etag`."""

    @property
    def quoted_etag(self) -> str:
        """As headers have it."""
        return f'"{self.etag}"'


def fast_reads(
    storage: Storage, credentials: Credentials, connect_seconds: int, read_seconds: int
) -> "FastReads | None":
    """Fast reads of what `storage` describes; None where obstore would go another way than boto3: it knows no endpoint with a bucket in its name, and goes through the proxies of the environment."""
    if storage.endpoint and (not storage.is_path_style or getproxies_environment()):
        return None
    options: ClientConfig = {
        "allow_http": True,
        "connect_timeout": timedelta(seconds=connect_seconds),
        "read_timeout": timedelta(seconds=read_seconds),
        # Of the whole request: a part may take as long as it comes.
        "timeout": LONGEST_PART,
    }
    return FastReads(storage, credentials, options)


class FastReads:
    """One connection pool for each bucket."""

    def __init__(self, storage: Storage, credentials: Credentials, options: "ClientConfig") -> None:
        self._storage = storage
        self._credentials = credentials
        self._options = options
        self._buckets: dict[str, Bucket] = {}
        self._usable = True

    def read_into(self, part: Part, take: Callable[[bytes], object], block_bytes: int) -> str:
        """Hand a part over in blocks; the version that it is of. Raises FastReadFailedError, also after some blocks, and from then on at once."""
        if not self._usable:
            raise FastReadFailedError
        options: GetOptions = {"range": (part.start, part.end)}
        if part.etag:
            options["if_match"] = part.quoted_etag
        if part.version_id:
            options["version"] = part.version_id
        with self._failing():
            answer = obstore.get(self._bucket(part.bucket), part.key, options=options)
            blocks = iter(answer.stream(min_chunk_size=block_bytes))
        while True:
            with self._failing():
                block = next(blocks, None)
            if block is None:
                return str(answer.meta.get("version") or "")
            take(bytes(block))

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            # Of many kinds: a missing object is a FileNotFoundError to it, a key with an empty part a ValueError, which says nothing of the others.
            self._usable = self._usable and isinstance(error, ValueError)
            raise FastReadFailedError from error

    def _bucket(self, name: str) -> Bucket:
        if name not in self._buckets:
            config: S3Config = {
                "region": self._storage.signing_region,
                "virtual_hosted_style_request": not self._storage.is_path_style,
            }
            if self._storage.endpoint:
                config["endpoint"] = self._storage.endpoint
            # What fails here is boto3's, which tries again by itself.
            once: RetryConfig = {"max_retries": 0, "retry_timeout": timedelta(seconds=1)}
            self._buckets[name] = Bucket(
                name,
                config=config,
                credential_provider=self._credential,
                client_options=self._options,
                retry_config=once,
            )
        return self._buckets[name]

    def _credential(self) -> Any:
        access_key, secret_key, token = self._credentials()
        return {
            "access_key_id": access_key,
            "secret_access_key": secret_key,
            "token": token,
            "expires_at": datetime.now(UTC) + CREDENTIALS_LAST,
        }
