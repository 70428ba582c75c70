"""The kinds that the operator touches, and where the API server keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tunewright_api import names
from tunewright_api.kinds import ADAPTER_MONITOR, FINE_TUNE_JOB


@dataclass(frozen=True)
class Resource:
    """One namespaced kind."""

    group: str
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        """As it stands in an object."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """The path of a URL; without a namespace, of all namespaces."""
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if namespace is not None:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part is not None]
        return "/" + "/".join(quote(part, safe="") for part in parts)


FINE_TUNE_JOBS = Resource(names.GROUP, names.VERSION, FINE_TUNE_JOB.plural, FINE_TUNE_JOB.kind)
ADAPTER_MONITORS = Resource(names.GROUP, names.VERSION, ADAPTER_MONITOR.plural, ADAPTER_MONITOR.kind)
JOBS = Resource("batch", "v1", "jobs", "Job")
PODS = Resource("", "v1", "pods", "Pod")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
EVENTS = Resource("", "v1", "events", "Event")
"""Of the core group: only there can they be selected by the object that they are about."""

WATCHED = (FINE_TUNE_JOBS, ADAPTER_MONITORS, JOBS, PODS, DEPLOYMENTS)
OURS = f"{names.MANAGED_BY_LABEL}={names.MANAGED_BY}"
"""Label selector of everything that we create. Never watch the cluster's other pods."""


def selector(resource: Resource) -> str | None:
    """The label selector by which a kind is listed and watched."""
    return None if resource.group == names.GROUP else OURS


def is_watched(body: Mapping[str, Any]) -> bool:
    """Whether the watch of our children sees this one: it goes by a label, and labels can be taken off."""
    return (body["metadata"].get("labels") or {}).get(names.MANAGED_BY_LABEL) == names.MANAGED_BY


def resource_of(api_version: str, kind: str) -> Resource:
    """The resource that a manifest belongs to."""
    for resource in (*WATCHED, LEASES, EVENTS):
        if (resource.api_version, resource.kind) == (api_version, kind):
            return resource
    raise KeyError(f"{kind} of {api_version} is not a kind that the operator writes")
