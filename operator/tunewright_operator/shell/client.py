"""The one way to the API server: raw JSON over aiohttp, a timeout on everything, every write fenced by the lease.

Typed models of the official client cost twenty times the time and drop fields that a newer server has sent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson

from tunewright_api import names
from tunewright_operator.shell.credentials import Credentials
from tunewright_operator.shell.errors import Expired, Unavailable, from_response, shortened
from tunewright_operator.shell.resources import LEASES, Resource, resource_of

Body = dict[str, Any]
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
PAGE = 500
TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)
LEASE_TIMEOUT = aiohttp.ClientTimeout(total=2.5, connect=2)
"""A renewal that takes longer is worth less than a new try: several must fit between two expiries."""


@dataclass(frozen=True)
class Listing:
    """All objects of a kind at one resourceVersion."""

    items: tuple[Body, ...]
    resource_version: int


class Client:
    """Reads and writes objects as dicts. Raises `ClusterError`s and nothing else."""

    def __init__(
        self, credentials: Credentials, fence: Callable[[], None], on_write: Callable[[str, str], None]
    ) -> None:
        """`fence` raises when this process must not write; `on_write` is told verb and resource of each write."""
        self._credentials = credentials
        self._fence = fence
        self._on_write = on_write
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the connection pool; needs a running loop."""
        context = self._credentials.ssl_context()
        self._session = aiohttp.ClientSession(
            base_url=self._credentials.server,
            connector=aiohttp.TCPConnector(limit=32, ssl=context if context is not None else True),
            timeout=TIMEOUT,
            headers={"User-Agent": names.FIELD_MANAGER},
            trust_env=False,
        )

    async def close(self) -> None:
        """Close the connection pool."""
        if self._session is not None:
            await self._session.close()

    async def get(self, resource: Resource, namespace: str, name: str) -> Body:
        """The object as the API server has it now (a quorum read, never a cached one)."""
        return await self._request("GET", resource.path(namespace, name), patience=_patience(resource))

    async def list(
        self,
        resource: Resource,
        namespace: str | None,
        label_selector: str | None = None,
        field_selector: str = "",
        keep: Callable[[Body], Body] = lambda body: body,
    ) -> Listing:
        """All objects, page by page, at one resourceVersion; of each, what `keep` returns when its page has come."""
        query = {"limit": str(PAGE), "labelSelector": label_selector or "", "fieldSelector": field_selector}
        for _ in range(3):
            try:
                return await self._pages(resource, namespace, query, keep)
            except Expired:
                continue
        raise Unavailable(f"the list of {resource.plural} expired three times while it was read")

    async def create(self, resource: Resource, body: Body) -> Body:
        """POST a new object."""
        self._write("create", resource)
        path = resource.path(body["metadata"]["namespace"])
        return await self._request("POST", path, body, patience=_patience(resource))

    async def replace(self, resource: Resource, body: Body) -> Body:
        """PUT an object over the one with its resourceVersion."""
        self._write("update", resource)
        path = resource.path(body["metadata"]["namespace"], body["metadata"]["name"])
        return await self._request("PUT", path, body, patience=_patience(resource))

    async def delete(self, resource: Resource, namespace: str, name: str, uid: str) -> Body | None:
        """Delete in the foreground, if it still has that uid; the object as it waits for its children, None if it is gone at once.

        The default of batch/v1 leaves pods running without an owner."""
        self._write("delete", resource)
        options = {"propagationPolicy": "Foreground", "preconditions": {"uid": uid}}
        answer = await self._request("DELETE", resource.path(namespace, name), options)
        return answer if answer.get("kind") == resource.kind else None

    async def patch_status(self, resource: Resource, metadata: Mapping[str, Any], status_patch: Body) -> Body:
        """Merge-patch the status of exactly the version that `metadata` is of; `Conflict` if there is a newer one."""
        self._write("patch", resource, "status")
        body = {
            "metadata": {"resourceVersion": metadata["resourceVersion"], "uid": metadata["uid"]},
            "status": status_patch,
        }
        path = resource.path(metadata["namespace"], metadata["name"], "status")
        return await self._request("PATCH", path, body, content_type=MERGE_PATCH)

    async def apply(self, body: Body) -> Body:
        """Server-side apply of an object that we own."""
        resource = resource_of(body["apiVersion"], body["kind"])
        self._write("patch", resource)
        query = urlencode({"fieldManager": names.FIELD_MANAGER, "force": "true"})
        path = resource.path(body["metadata"]["namespace"], body["metadata"]["name"])
        return await self._request("PATCH", f"{path}?{query}", body, content_type=APPLY_PATCH)

    def _write(self, verb: str, resource: Resource, subresource: str = "") -> None:
        # The elector itself must write before it leads; everything else only while it does.
        if resource is not LEASES:
            self._fence()
        self._on_write(verb, f"{resource.plural}/{subresource}" if subresource else resource.plural)

    async def _pages(
        self, resource: Resource, namespace: str | None, selectors: Mapping[str, str], keep: Callable[[Body], Body]
    ) -> Listing:
        query = dict(selectors)
        items: list[Body] = []
        while True:
            page = await self._request("GET", f"{resource.path(namespace)}?{urlencode(query)}")
            for item in page["items"] or []:
                # A third of an object, and nobody's concern.
                item["metadata"].pop("managedFields", None)
                # Items of a list come without their kind.
                items.append(keep({"apiVersion": resource.api_version, "kind": resource.kind, **item}))
            token = page["metadata"].get("continue")
            if not token:
                return Listing(tuple(items), int(page["metadata"]["resourceVersion"]))
            query["continue"] = token

    async def _request(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        *,
        content_type: str = JSON,
        patience: aiohttp.ClientTimeout = TIMEOUT,
    ) -> Body:
        if self._session is None:
            raise Unavailable("the client is not started")
        headers = {"Accept": JSON, "Content-Type": content_type, **self._credentials.headers()}
        data = orjson.dumps(body) if body is not None else None
        try:
            async with self._session.request(
                method, path, data=data, headers=headers, timeout=patience, allow_redirects=False
            ) as response:
                answer = await response.read()
                if response.status >= 300:
                    raise from_response(response.status, response.headers, answer)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(shortened(f"the API server is out of reach: {error or type(error).__name__}")) from error
        try:
            return dict(orjson.loads(answer))
        except (orjson.JSONDecodeError, TypeError, ValueError) as error:
            raise Unavailable("the API server's answer was cut short or is not JSON") from error


def _patience(resource: Resource) -> aiohttp.ClientTimeout:
    return LEASE_TIMEOUT if resource is LEASES else TIMEOUT
