"""A real Kubernetes on this machine: etcd, API server, controllers, kubelet, S3, Prometheus and an image registry.

`python -m devcluster up|down|status` from a shell; `up`, `load` and `down` from tests. There is no cluster DNS: pods reach servers
on the host at the bridge's gateway address, and the API server at KUBERNETES_SERVICE_HOST, which is an address."""

from devcluster.cluster import down, load, up
from devcluster.errors import DevclusterError
from devcluster.state import Cluster, Part

__all__ = ["Cluster", "DevclusterError", "Part", "down", "load", "up"]
