"""The node: containerd, kubelet, kube-proxy, and a bridge on which pods reach the host."""

import json
import shutil
import ssl
import subprocess
import urllib.request
from pathlib import Path

import yaml

from devcluster.control_plane import ControlPlane, write_kubeconfig
from devcluster.errors import DevclusterError
from devcluster.processes import free_port, start, wait_until
from devcluster.state import Process, cache_directory

NAME = "devnode"
BRIDGE = "twbridge0"
GATEWAY, SUBNET = "10.223.0.1", "10.223.0.0/24"
PAUSE_IMAGE = "tunewright.test/pause:1"
RUN_DIRECTORY = Path("/run/tunewright-devcluster")
KUBELET_DIRECTORY = Path("/var/lib/tunewright-kubelet")
CONTAINERD_SOCKET = RUN_DIRECTORY / "containerd.sock"
NETWORK_DIRECTORY = RUN_DIRECTORY / "cni"
PAUSE_SOURCE = "#include <unistd.h>\n#include <signal.h>\nstatic void quit(int s){_exit(0);}\nint main(void){signal(SIGTERM,quit);signal(SIGINT,quit);for(;;)pause();}\n"
NETWORK = {
    "cniVersion": "0.4.0",
    "name": "devcluster",
    "plugins": [
        {
            "type": "bridge",
            "bridge": BRIDGE,
            "isGateway": True,
            "hairpinMode": True,
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": SUBNET, "gateway": GATEWAY}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ],
}


def run(command: list[str]) -> str:
    """Run a command and return what it prints; a failure says what it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DevclusterError(f"{' '.join(command[:4])} failed: {(done.stderr or done.stdout)[-800:]}")
    return done.stdout


def make_bridge() -> None:
    """The bridge exists before the first pod: the API server advertises its address."""
    if not Path(f"/sys/class/net/{BRIDGE}").exists():
        run(["ip", "link", "add", BRIDGE, "type", "bridge"])
        run(["ip", "addr", "add", f"{GATEWAY}/24", "dev", BRIDGE])
    run(["ip", "link", "set", BRIDGE, "up"])
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def start_containerd(directory: Path) -> Process:
    """Start containerd on a store that outlives the cluster: images are big."""
    store = cache_directory() / "containerd"
    store.mkdir(parents=True, exist_ok=True)
    NETWORK_DIRECTORY.mkdir(parents=True, exist_ok=True)
    (NETWORK_DIRECTORY / "10-devcluster.conflist").write_text(json.dumps(NETWORK))
    config = directory / "keys" / "containerd.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(_containerd_config(store))
    process = start("containerd", ["containerd", f"--config={config}"], directory / "logs")
    wait_until("containerd", _containerd_answers, process, logs=directory / "logs")
    return process


def _containerd_config(store: Path) -> str:
    return f"""version = 2
root = "{store}"
state = "{RUN_DIRECTORY}/containerd"
[grpc]
  address = "{CONTAINERD_SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  # Without CAP_SYS_RESOURCE, runc cannot lower a score: it dies with "can't get final child's PID from pipe: EOF".
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{NETWORK_DIRECTORY}"
"""


def ctr(*arguments: str) -> str:
    """containerd's own client, in the namespace that the kubelet uses."""
    return run(["ctr", "--address", str(CONTAINERD_SOCKET), "--namespace", "k8s.io", *arguments])


def _containerd_answers() -> bool:
    done = subprocess.run(["ctr", "--address", str(CONTAINERD_SOCKET), "version"], capture_output=True, check=False)
    return done.returncode == 0


def has_image(name: str) -> bool:
    """Whether the node has the image already."""
    return name in ctr("images", "list", "--quiet").split()


def ensure_pause_image(directory: Path) -> None:
    """Build the image that holds a pod's network: one static program that waits."""
    if has_image(PAUSE_IMAGE):
        return
    work = directory / "pause"
    work.mkdir(parents=True, exist_ok=True)
    (work / "pause.c").write_text(PAUSE_SOURCE)
    run(["gcc", "-static", "-Os", "-o", str(work / "pause"), str(work / "pause.c")])
    (work / "Dockerfile").write_text('FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n')
    run(["buildah", "bud", "--isolation", "chroot", "-t", PAUSE_IMAGE, str(work)])
    archive = work / "pause.tar"
    run(["buildah", "push", PAUSE_IMAGE, f"docker-archive:{archive}:{PAUSE_IMAGE}"])
    ctr("images", "import", str(archive))
    shutil.rmtree(work)


def start_kubelet(binaries: Path, directory: Path, plane: ControlPlane) -> list[Process]:
    """Start kubelet and kube-proxy and wait for the node to be ready."""
    logs, keys = directory / "logs", directory / "keys"
    kubeconfigs = {user: write_kubeconfig(keys / f"{user}.kubeconfig", plane, user) for user in ("kubelet", "proxy")}
    (keys / "kubelet.yaml").write_text(yaml.safe_dump(_kubelet_config(keys, plane)))
    (keys / "proxy.yaml").write_text(yaml.safe_dump(_proxy_config(kubeconfigs["proxy"])))
    kubelet = start(
        "kubelet",
        [
            str(binaries / "kubelet"),
            f"--config={keys / 'kubelet.yaml'}",
            f"--kubeconfig={kubeconfigs['kubelet']}",
            f"--hostname-override={NAME}",
            f"--node-ip={GATEWAY}",
            f"--root-dir={KUBELET_DIRECTORY}",
            f"--cert-dir={keys / 'kubelet'}",
            "--v=1",
        ],
        logs,
    )
    proxy = start(
        "kube-proxy",
        [str(binaries / "kube-proxy"), f"--config={keys / 'proxy.yaml'}", f"--hostname-override={NAME}"],
        logs,
    )
    return [kubelet, proxy]


def _kubelet_config(keys: Path, plane: ControlPlane) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        "clusterDNS": [GATEWAY],
        "clusterDomain": "cluster.local",
        "port": free_port(),
        "healthzPort": 0,
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
            "nodefs.inodesFree": "1%",
        },
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "maxPods": 60,
        "registerNode": True,
    }


def _proxy_config(kubeconfig: Path) -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "mode": "iptables",
        "clusterCIDR": SUBNET,
        "healthzBindAddress": f"127.0.0.1:{free_port()}",
        "metricsBindAddress": f"127.0.0.1:{free_port()}",
        # Limits of the machine are not ours to change.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }


def node_is_ready(plane: ControlPlane) -> bool:
    """Whether the node has registered itself and says that it is ready."""
    request = urllib.request.Request(
        f"{plane.url}/api/v1/nodes/{NAME}", headers={"Authorization": f"Bearer {plane.tokens['admin']}"}
    )
    context = ssl._create_unverified_context()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=2) as response:
            node = json.load(response)
    except OSError:
        return False
    return any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"].get("conditions", []))
