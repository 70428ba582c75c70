"""What the operator knows of the cluster: fed by watches, by its own writes and by resyncs; it moves forward only.

kopf never reports a deletion that happened while its watch was interrupted, so only a resync makes this cache true again."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tunewright_api import names
from tunewright_operator.shell.resources import ADAPTER_MONITORS, DEPLOYMENTS, FINE_TUNE_JOBS, JOBS, PODS, Resource
from tunewright_operator.shell.workqueue import Key

Body = dict[str, Any]
Address = tuple[str, str, str]
"""Plural, namespace, name."""
MOST_TOMBSTONES = 10_000
ADDRESS_FIELDS = ("namespace", "name", "resourceVersion")
POD_SPEC_FIELDS = ("nodeName", "terminationGracePeriodSeconds")
OWN_KINDS = {FINE_TUNE_JOBS.plural: FINE_TUNE_JOBS, ADAPTER_MONITORS.plural: ADAPTER_MONITORS}


def version_of(body: Body) -> int:
    """The resourceVersion; comparable between objects of one kind."""
    return int(body["metadata"]["resourceVersion"])


def address_of(resource: Resource, body: Body) -> Address:
    """Where an object stands in the cache."""
    return resource.plural, body["metadata"]["namespace"], body["metadata"]["name"]


def owner_key(resource: Resource, body: Body) -> Key | None:
    """The object to reconcile when `body` changes."""
    metadata = body["metadata"]
    labels = metadata.get("labels") or {}
    if resource.plural in OWN_KINDS:
        return Key(resource.kind, metadata["namespace"], metadata["name"])
    if names.JOB_LABEL in labels:
        return Key(FINE_TUNE_JOBS.kind, metadata["namespace"], labels[names.JOB_LABEL])
    if names.MONITOR_LABEL in labels:
        return Key(ADAPTER_MONITORS.kind, metadata["namespace"], labels[names.MONITOR_LABEL])
    return None


def slim(resource: Resource, body: Body) -> Body:
    """`body` without what no decision reads: most of a pod, a Job's template, who wrote which field."""
    metadata = {key: value for key, value in body["metadata"].items() if key not in {"managedFields", "annotations"}}
    slimmed = {**body, "metadata": metadata}
    spec = body.get("spec") or {}
    if resource is PODS:
        slimmed["spec"] = {field: spec[field] for field in POD_SPEC_FIELDS if field in spec}
    elif resource is JOBS:
        slimmed["spec"] = {key: value for key, value in spec.items() if key != "template"}
    elif resource is DEPLOYMENTS:
        slimmed["metadata"] = {**metadata, "annotations": body["metadata"].get("annotations") or {}}
    return slimmed


class Cache:
    """Objects by address, and the children of each owner."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._objects: dict[Address, Body] = {}
        self._children: dict[Key, set[Address]] = {}
        self._tombstones: OrderedDict[Address, int] = OrderedDict()
        self._made: OrderedDict[Address, None] = OrderedDict()
        self.last_event: dict[str, float] = {}
        """Plural -> when the newest event came, for the metrics."""

    def get(self, resource: Resource, namespace: str, name: str) -> Body | None:
        """The object as last seen."""
        return self._objects.get((resource.plural, namespace, name))

    def children(self, resource: Resource, key: Key) -> tuple[Body, ...]:
        """The objects of one kind that belong to `key`, by name."""
        addresses = sorted(address for address in self._children.get(key, ()) if address[0] == resource.plural)
        return tuple(self._objects[address] for address in addresses)

    def owners(self) -> Iterator[Key]:
        """All objects of our own kinds."""
        for plural, namespace, name in tuple(self._objects):
            if plural in OWN_KINDS:
                yield Key(OWN_KINDS[plural].kind, namespace, name)

    def bodies(self, resource: Resource) -> tuple[Body, ...]:
        """All objects of one kind."""
        return tuple(body for address, body in self._objects.items() if address[0] == resource.plural)

    def observe(self, resource: Resource, body: Body) -> tuple[Key, ...]:
        """Take in what a watch, a GET or an own write has shown; the keys to look at again, none if it is old news."""
        self.last_event[resource.plural] = self._clock()
        if not self.is_news(resource, body):
            return ()
        address = address_of(resource, body)
        keys = self._unlink(resource, address)
        new = owner_key(resource, body)
        self._objects[address] = slim(resource, body)
        if new is not None:
            self._children.setdefault(new, set()).add(address)
            keys.add(new)
        return tuple(keys)

    def is_news(self, resource: Resource, body: Body) -> bool:
        """Whether `body` is newer than what is known of it, its deletion included."""
        address, version = address_of(resource, body), version_of(body)
        known = self._objects.get(address)
        if known is not None and version_of(known) >= version:
            return False
        return self._tombstones.get(address, -1) < version

    def made(self, resource: Resource, body: Body) -> None:
        """Take in what this process has just created."""
        self._made[address_of(resource, body)] = None
        while len(self._made) > MOST_TOMBSTONES:
            self._made.popitem(last=False)
        self.observe(resource, body)

    def was_made(self, resource: Resource, namespace: str, name: str) -> bool:
        """Whether this process has created an object of that name, be it there or not."""
        return (resource.plural, namespace, name) in self._made

    def thinned(self, resource: Resource, body: Body) -> Body:
        """`body`, or no more than its address if it is no news: most of a list of thousands is not."""
        if self.is_news(resource, body):
            return body
        return {"metadata": {field: body["metadata"][field] for field in ADDRESS_FIELDS}}

    def deleted_at(self, resource: Resource, namespace: str, name: str) -> int | None:
        """The version at which an object of this name was last seen to be gone; to be asked before a quorum read."""
        return self._tombstones.get((resource.plural, namespace, name))

    def found(self, resource: Resource, body: Body, deleted_before: int | None) -> tuple[Key, ...]:
        """Take in what a quorum read has found, also where a watch has shown its deletion before: to a watch by label, an object that loses its label is deleted, and a stranger's never was."""
        address = address_of(resource, body)
        if deleted_before is not None and self._tombstones.get(address) == deleted_before:
            del self._tombstones[address]
        return self.observe(resource, body)

    def forget(self, resource: Resource, body: Body) -> tuple[Key, ...]:
        """Take in a deletion; its resourceVersion is the deletion's own."""
        self.last_event[resource.plural] = self._clock()
        return self._remove(resource, address_of(resource, body), version_of(body))

    def gone(self, resource: Resource, namespace: str, name: str) -> tuple[Key, ...]:
        """Take in that a quorum read found nothing: whatever was known is of the past."""
        address = (resource.plural, namespace, name)
        known = self._objects.get(address)
        return self._remove(resource, address, version_of(known)) if known is not None else ()

    def resync(
        self, resource: Resource, namespace: str | None, items: Iterable[Body], list_version: int
    ) -> tuple[Key, ...]:
        """Make one kind (in one namespace, or in all) equal to a list; keys of all that changed or vanished."""
        listed = {address_of(resource, body): body for body in items}
        changed: set[Key] = set()
        for body in listed.values():
            changed.update(self.observe(resource, body))
        for address, body in tuple(self._objects.items()):
            in_scope = address[0] == resource.plural and namespace in (None, address[1])
            # What was created after the list was taken is not in it.
            if in_scope and address not in listed and version_of(body) <= list_version:
                changed.update(self._remove(resource, address, list_version))
        return tuple(changed)

    def __len__(self) -> int:
        return len(self._objects)

    def _unlink(self, resource: Resource, address: Address) -> set[Key]:
        body = self._objects.get(address)
        key = owner_key(resource, body) if body is not None else None
        if key is None:
            return set()
        siblings = self._children.get(key, set())
        siblings.discard(address)
        if not siblings:
            self._children.pop(key, None)
        return {key}

    def _remove(self, resource: Resource, address: Address, version: int) -> tuple[Key, ...]:
        known = self._objects.get(address)
        if known is not None and version_of(known) > version:
            # Deleted and made again; the news of the new object came first.
            return ()
        keys = self._unlink(resource, address)
        self._objects.pop(address, None)
        self._tombstones[address] = max(version, self._tombstones.pop(address, -1))
        while len(self._tombstones) > MOST_TOMBSTONES:
            self._tombstones.popitem(last=False)
        return tuple(keys)
