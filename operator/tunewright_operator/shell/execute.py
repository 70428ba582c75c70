"""Carries out what was decided: POST once, DELETE in the foreground after a live look, server-side apply for what we own as a whole."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tunewright_operator.core.parse import controller_uid
from tunewright_operator.core.types import Action, Apply, CreateJob, DeleteJob
from tunewright_operator.shell.cache import Cache
from tunewright_operator.shell.client import Client
from tunewright_operator.shell.errors import AlreadyExists, Conflict, NotFound, Refused
from tunewright_operator.shell.refusals import Refusals
from tunewright_operator.shell.resources import JOBS, Resource, resource_of

Body = dict[str, Any]
STILL_NEWS_SECONDS = 1.0
"""Monotonic time goes on while the process is frozen: who thaws looks again."""


@dataclass(frozen=True)
class Written:
    """The version that an own write of an object has made, and when it was sent (monotonic)."""

    version: str
    sent: float

    def is_news_of(self, owner: Body) -> bool:
        """Whether `owner` is what the API server has just answered: no read of it would be fresher."""
        return (
            owner["metadata"]["resourceVersion"] == self.version and time.monotonic() - self.sent < STILL_NEWS_SECONDS
        )


class Executor:
    """Every write except status and events. What a write returns goes into the cache at once: the next decision sees it."""

    def __init__(self, client: Client, cache: Cache, refusals: Refusals) -> None:
        self._client = client
        self._cache = cache
        self._refusals = refusals

    async def execute(
        self, resource: Resource, owner: Body, actions: tuple[Action, ...], written: Written | None
    ) -> None:
        """Carry out `actions` for `owner` as it was when they were decided; `Conflict` when it has changed since. `written` is our own newest write of it."""
        if written is None or not written.is_news_of(owner):
            await self._check_owner(resource, owner)
        for action in actions:
            match action:
                case CreateJob():
                    await self._create(action)
                case DeleteJob():
                    await self._delete(owner["metadata"]["namespace"], action)
                case Apply():
                    await self._apply(owner, action)

    def next_try(self, namespace: str, job_names: Iterable[str]) -> float | None:
        """Seconds until what was refused may be tried again."""
        return self._refusals.next_try(namespace, job_names)

    async def _check_owner(self, resource: Resource, owner: Body) -> None:
        """A quorum read: the cache may not know yet that the owner was deleted, cancelled or made anew."""
        metadata = owner["metadata"]
        try:
            live = await self._client.get(resource, metadata["namespace"], metadata["name"])
        except NotFound:
            self._cache.gone(resource, metadata["namespace"], metadata["name"])
            raise
        if live["metadata"]["resourceVersion"] != metadata["resourceVersion"]:
            self._cache.observe(resource, live)
            raise Conflict(f"{resource.kind} {metadata['name']} has changed since it was read")

    async def _create(self, action: CreateJob) -> None:
        namespace = action.manifest["metadata"]["namespace"]
        try:
            self._cache.made(JOBS, await self._client.create(JOBS, action.manifest))
            self._refusals.clear(namespace, action.name)
        except AlreadyExists:
            # Ours, from before a crash, or a stranger's: the decision tells them apart by the owner's uid.
            deleted_before = self._cache.deleted_at(JOBS, namespace, action.name)
            self._cache.found(JOBS, await self._client.get(JOBS, namespace, action.name), deleted_before)
        except Refused as refusal:
            self._refusals.remember(namespace, action.name, str(refusal))

    async def _delete(self, namespace: str, action: DeleteJob) -> None:
        try:
            live = await self._client.get(JOBS, namespace, action.name)
            if live["metadata"]["uid"] != action.uid:
                self._cache.observe(JOBS, live)
                raise Conflict(f"Job {action.name} is not the one that was to be deleted")
            left = await self._client.delete(JOBS, namespace, action.name, action.uid)
        except NotFound:
            left = None
        if left is None:
            self._cache.gone(JOBS, namespace, action.name)
        else:
            self._cache.observe(JOBS, left)

    async def _apply(self, owner: Body, action: Apply) -> None:
        metadata = action.manifest["metadata"]
        try:
            await self._take_over_nothing(owner, action)
            resource = resource_of(action.manifest["apiVersion"], action.manifest["kind"])
            self._cache.observe(resource, await self._client.apply(action.manifest))
            self._refusals.clear(metadata["namespace"], metadata["name"])
        except Refused as refusal:
            self._refusals.remember(metadata["namespace"], metadata["name"], str(refusal))

    async def _take_over_nothing(self, owner: Body, action: Apply) -> None:
        """Server-side apply takes over whatever has the name, so who owns it is looked at first."""
        metadata = action.manifest["metadata"]
        resource = resource_of(action.manifest["apiVersion"], action.manifest["kind"])
        listing = await self._client.list(
            resource, metadata["namespace"], field_selector=f"metadata.name={metadata['name']}"
        )
        if any(controller_uid(found) != owner["metadata"]["uid"] for found in listing.items):
            raise Refused(
                f"a {resource.kind} named {metadata['name']} exists and belongs to somebody else; delete it, or choose another name"
            )
