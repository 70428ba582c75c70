"""What all trials share: one API server with its etcd, the played controllers, the operator's role."""

import asyncio
import contextlib
import dataclasses
import itertools
import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import yaml

import devcluster
from devcluster import Part, processes
from devcluster.state import cluster_directory
from faults.admin import AdminApi, upstream_session
from faults.exchange import Body
from faults.played_controllers import PlayedControllers
from operator_process import SYSTEM_NAMESPACE, install_role
from raw_api import RawApi


@dataclass
class World:
    """Made once, used by hundreds of trials at a time."""

    cluster: devcluster.Cluster
    api: AdminApi
    upstream: aiohttp.ClientSession
    """Connections for the proxies: signed by whoever asks."""
    played: PlayedControllers
    token: str
    """The operator's own, with the rights that the chart gives."""
    directory: Path
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def next_number(self) -> int:
        """A number for a namespace."""
        return next(self._numbers)

    async def restart_server(self, gone_seconds: float = 2.0) -> None:
        """Kill the API server, leave it dead for a while, start it as it was."""
        server = next(process for process in self.cluster.processes if process.name == "kube-apiserver")
        command = Path(f"/proc/{server.pid}/cmdline").read_bytes().rstrip(b"\0").decode().split("\0")
        await asyncio.to_thread(processes.stop, server)
        await asyncio.sleep(gone_seconds)
        started = await asyncio.to_thread(processes.start, server.name, command, self.cluster.logs)
        kept = [process for process in self.cluster.processes if process is not server]
        self.cluster = dataclasses.replace(self.cluster, processes=[*kept, started])
        self.cluster.save()
        url = f"{self.cluster.api_server}/readyz"
        while not await asyncio.to_thread(processes.answers, url, self.cluster.admin_token):
            await asyncio.sleep(0.2)

    def kubeconfig(self, server: str, name: str) -> Path:
        """The way of one operator process: through its proxy."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "x",
            "clusters": [{"name": "x", "cluster": {"server": server}}],
            "users": [{"name": "x", "user": {"token": self.token}}],
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        }
        path = self.directory / f"{name}.kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return path


def _role(cluster: devcluster.Cluster, directory: Path) -> str:
    """Install the chart's role; the token. Each trial has a lease of its own, which the role alone does not allow."""
    api = RawApi(cluster)
    try:
        token = yaml.safe_load(install_role(cluster, api, directory).read_text())["users"][0]["user"]["token"]
        roles = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{SYSTEM_NAMESPACE}"
        rule = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "update"]}
        api.create(f"{roles}/roles", {"metadata": {"name": "trial-leases"}, "rules": [rule]})
        group = {"kind": "Group", "name": f"system:serviceaccounts:{SYSTEM_NAMESPACE}"}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "trial-leases"}
        subject = {**group, "apiGroup": "rbac.authorization.k8s.io"}
        binding: Body = {"metadata": {"name": "trial-leases"}, "roleRef": reference, "subjects": [subject]}
        api.create(f"{roles}/rolebindings", binding)
        return str(token)
    finally:
        api.close()


@contextlib.asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Bring it up; take it down again, also after a failure."""
    for left_over in cluster_directory("x").parent.glob("faults-*"):
        if not Path(f"/proc/{left_over.name.rsplit('-', 1)[-1]}").exists():
            await asyncio.to_thread(devcluster.down, left_over.name)
    name = f"faults-{os.getpid()}"
    cluster = await asyncio.to_thread(devcluster.up, name, frozenset({Part.CONTROL_PLANE}))
    try:
        with tempfile.TemporaryDirectory(prefix="faults-") as folder:
            token = await asyncio.to_thread(_role, cluster, Path(folder))
            admin, upstream = upstream_session(cluster, cluster.admin_token), upstream_session(cluster)
            async with admin, upstream:
                api = AdminApi(admin)
                played = PlayedControllers(api)
                await played.start()
                yield World(cluster, api, upstream, played, token, Path(folder))
                await played.stop()
    finally:
        await asyncio.to_thread(devcluster.down, name)
