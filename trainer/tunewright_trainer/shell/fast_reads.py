"""Reads of S3 objects by obstore, which spends a fraction of boto3's time on a request: it shows where a data set is many small objects.

It only helps out. Whatever goes wrong here is asked of boto3 once more, whose errors our words are made of."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies_environment

from tunewright_api.storage import Storage

if TYPE_CHECKING:
    from obstore.store import S3Store as Bucket

Credentials = Callable[[], tuple[str, str, str | None]]
"""Access key, secret key and session token as they are now."""
CREDENTIALS_LAST = timedelta(minutes=5)


class FastReadFailedError(Exception):
    """The rest must be read in another way."""


def fast_reads(storage: Storage, path_style: bool, credentials: Credentials, **patience: timedelta) -> "FastReads | None":
    """Fast reads of what `storage` describes; None where obstore would go another way than boto3: it knows no endpoint with a bucket in its name, and goes through the proxies of the environment."""
    if storage.endpoint and (not path_style or getproxies_environment()):
        return None
    return FastReads(storage, path_style, credentials, patience)


class FastReads:
    """One connection pool for each bucket."""

    def __init__(
        self, storage: Storage, path_style: bool, credentials: Credentials, patience: dict[str, timedelta]
    ) -> None:
        self._storage = storage
        self._path_style = path_style
        self._credentials = credentials
        self._patience = patience
        self._buckets: dict[str, Bucket] = {}
        self._usable = True

    def read_into(
        self, bucket: str, key: str, span: tuple[int, int], pinned: dict[str, Any], take: Callable[[bytes], object], block: int
    ) -> str:
        """Hand the bytes from `span[0]` up to `span[1]` over in blocks; the version that they are of. Raises FastReadFailedError, also after some blocks, and from then on at once."""
        import obstore
        from obstore.exceptions import BaseError

        if not self._usable:
            raise FastReadFailedError
        try:
            answer = obstore.get(self._bucket(bucket), key, options={"range": span, **pinned})  # type: ignore[typeddict-item]
            for part in answer.stream(min_chunk_size=block):
                take(bytes(part))
            return str(answer.meta.get("version") or "")
        except BaseError as error:
            self._usable = False
            raise FastReadFailedError from error

    def _bucket(self, name: str) -> "Bucket":
        from obstore.store import S3Store as Bucket

        if name not in self._buckets:
            self._buckets[name] = Bucket(
                name,
                region=self._storage.region or "us-east-1",
                virtual_hosted_style_request=not self._path_style,
                credential_provider=self._credential,
                client_options={"allow_http": True, **self._patience},  # type: ignore[typeddict-item]
                retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=1)},
                **({"endpoint": self._storage.endpoint} if self._storage.endpoint else {}),
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
