"""An administrator's requests, concurrently."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from devcluster.state import Cluster
from faults.exchange import Body

MERGE_PATCH = "application/merge-patch+json"


class AdminError(Exception):
    """The API server's answer was no success."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text[:500]}")
        self.status = status


def upstream_session(cluster: Cluster, token: str | None = None) -> aiohttp.ClientSession:
    """Connections to the API server itself; with a token, everything is signed by it."""
    context = ssl.create_default_context(cafile=str(Path(cluster.directory) / "keys" / "apiserver.crt"))
    return aiohttp.ClientSession(
        base_url=cluster.api_server,
        connector=aiohttp.TCPConnector(limit=0, ssl=context),
        timeout=aiohttp.ClientTimeout(total=60),
        headers={"Authorization": f"Bearer {token}"} if token else {},
        auto_decompress=False,
        trust_env=False,
    )


class AdminApi:
    """Raw JSON in and out. Paths are the API server's."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def request(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Body:
        """Any request; raises `AdminError`."""
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": content_type}
        async with self._session.request(method, path, data=data, headers=headers) as response:
            text = await response.text()
            if response.status >= 300:
                raise AdminError(response.status, text)
            return dict(json.loads(text))

    async def find(self, path: str) -> Body | None:
        """GET; None when it is not there."""
        try:
            return await self.request("GET", path)
        except AdminError as error:
            if error.status == 404:
                return None
            raise

    async def items(self, path: str) -> list[Body]:
        """The items of a list."""
        return list((await self.request("GET", path))["items"])

    async def create(self, path: str, body: Body) -> Body:
        """POST."""
        return await self.request("POST", path, body)

    async def patch(self, path: str, body: Body) -> Body:
        """Merge-patch."""
        return await self.request("PATCH", path, body, MERGE_PATCH)

    async def delete(self, path: str, **options: Any) -> None:
        """DELETE; what is gone already is no error."""
        try:
            await self.request("DELETE", path, options or None)
        except AdminError as error:
            if error.status != 404:
                raise

    async def watch(self, path: str, selector: str = "") -> AsyncIterator[Body]:
        """List, then watch for ever, as events; a broken connection begins again."""
        query = f"labelSelector={selector}" if selector else ""
        while True:
            try:
                listing = await self.request("GET", f"{path}?{query}")
                for item in listing["items"]:
                    yield {"type": "ADDED", "object": item}
                version = listing["metadata"]["resourceVersion"]
                async with self._session.get(
                    f"{path}?{query}&watch=true&resourceVersion={version}",
                    timeout=aiohttp.ClientTimeout(total=None),
                ) as response:
                    rest = b""
                    async for chunk in response.content.iter_any():
                        *lines, rest = (rest + chunk).split(b"\n")
                        for line in lines:
                            yield json.loads(line)
            except (AdminError, aiohttp.ClientError, TimeoutError):
                # The API server restarts: also something that trials do.
                await asyncio.sleep(0.2)
