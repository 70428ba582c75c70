"""One request of the operator and what became of it: the write log is a list of these."""

from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]
READS = frozenset({"get", "list", "watch"})
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(eq=False)
class Exchange:
    """A request, and its answer once there is one."""

    process: str
    """Which life of which replica sent it, say replica-a/2."""
    method: str
    path: str
    query: dict[str, str]
    body: Body | None = None
    status: int = 0
    """As the API server answered, or as the proxy did for it; 0 while there is no answer."""
    answer: Body | None = None
    forwarded: bool = False
    """Whether the API server has seen it."""
    number: int = 0
    """Its place among the counted writes of the trial, from 1; 0 for reads and for the lease."""
    headers: dict[str, str] = field(default_factory=dict)
    """As they were sent."""
    parts: list[str] = field(init=False)

    def __post_init__(self) -> None:
        parts = self.path.strip("/").split("/")
        # /api/v1/... or /apis/<group>/<version>/...
        self.parts = parts[2:] if parts[0] == "api" else parts[3:]

    @property
    def namespace(self) -> str:
        """Empty for requests that are of no namespace."""
        return self.parts[1] if len(self.parts) > 2 and self.parts[0] == "namespaces" else ""

    @property
    def _below(self) -> list[str]:
        return self.parts[2:] if self.namespace else self.parts

    @property
    def resource(self) -> str:
        """The plural; empty for discovery."""
        return self._below[0] if self._below else ""

    @property
    def name(self) -> str:
        """The object's name; of a creation, the one in the body."""
        if len(self._below) > 1:
            return self._below[1]
        return str(((self.body or {}).get("metadata") or {}).get("name", ""))

    @property
    def subresource(self) -> str:
        """Say status."""
        return self._below[2] if len(self._below) > 2 else ""

    @property
    def verb(self) -> str:
        """As RBAC calls it."""
        if self.method != "GET":
            return VERBS.get(self.method, self.method.lower())
        if self.query.get("watch") in ("true", "1"):
            return "watch"
        return "get" if len(self._below) > 1 else "list"

    @property
    def is_write(self) -> bool:
        """Whether it asks for a change of anything but a lease."""
        return self.verb not in READS and self.resource != "leases"

    @property
    def accepted(self) -> bool:
        """Whether the API server has done it."""
        return self.forwarded and 200 <= self.status < 300

    def __str__(self) -> str:
        target = "/".join(filter(None, (self.resource, self.subresource)))
        return f"{self.process}: {self.verb} {target} {self.name} -> {self.status}"
