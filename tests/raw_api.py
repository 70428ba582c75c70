"""The API server over plain HTTP for tests: what a test says and sees is what is on the wire."""

import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx

from devcluster.state import Cluster

Body = dict[str, Any]
Value = TypeVar("Value")
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}


class RawApi:
    """An administrator's requests."""

    def __init__(self, cluster: Cluster) -> None:
        certificate = Path(cluster.directory) / "keys" / "apiserver.crt"
        self._client = httpx.Client(
            base_url=cluster.api_server,
            headers={"Authorization": f"Bearer {cluster.admin_token}"},
            verify=ssl.create_default_context(cafile=str(certificate)),
            timeout=30,
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str, **query: str) -> Body:
        """GET; a missing object is an error."""
        return self._answer(self._client.get(path, params=query))

    def find(self, path: str) -> Body | None:
        """GET; None when it is not there."""
        response = self._client.get(path)
        return None if response.status_code == 404 else self._answer(response)

    def items(self, path: str, **query: str) -> list[Body]:
        """The items of a list."""
        return list(self.get(path, **query)["items"])

    def create(self, path: str, body: Body) -> Body:
        """POST."""
        return self._answer(self._client.post(path, json=body))

    def patch(self, path: str, body: Body) -> Body:
        """Merge-patch."""
        return self._answer(self._client.patch(path, json=body, headers=MERGE_PATCH))

    def delete(self, path: str, **options: Any) -> None:
        """DELETE; what is gone already is no error."""
        response = self._client.request("DELETE", path, json=options or None)
        if response.status_code != 404:
            self._answer(response)

    @staticmethod
    def _answer(response: httpx.Response) -> Body:
        assert response.status_code < 300, f"{response.request.method} {response.request.url}: {response.text}"
        return dict(response.json())


def eventually(look: Callable[[], Value | None], what: str, seconds: float = 30.0) -> Value:
    """The first true value that `look` returns."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")
