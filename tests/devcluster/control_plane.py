"""etcd, API server, controllers and scheduler, with tokens for sign-in and an audit log."""

import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

from devcluster.processes import answers, free_port, start, wait_until
from devcluster.state import Process

SERVICE_RANGE, SERVICE_ADDRESS = "10.224.0.0/16", "10.224.0.1"
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    # How something is deleted is said in the request's body.
    "rules": [{"level": "Request", "verbs": ["delete"]}, {"level": "Metadata"}],
}
USERS = {
    "admin": ("admin", "system:masters"),
    "controllers": ("system:kube-controller-manager", "system:masters"),
    "scheduler": ("system:kube-scheduler", "system:masters"),
    "kubelet": ("system:node:{node}", "system:nodes"),
    "proxy": ("system:kube-proxy", "system:masters"),
}


@dataclass(frozen=True)
class ControlPlane:
    """A running control plane."""

    url: str
    port: int
    certificate: Path
    tokens: dict[str, str]
    audit_log: Path
    processes: list[Process]


def start_api_server(binaries: Path, directory: Path, address: str, node: str) -> ControlPlane:
    """Start etcd and the API server. `address` is where pods and the node reach it."""
    logs, keys = directory / "logs", directory / "keys"
    keys.mkdir(parents=True, exist_ok=True)
    etcd_port, peer_port, port = free_port(), free_port(), free_port()
    etcd = start("etcd", _etcd_command(binaries, directory, etcd_port, peer_port), logs)
    tokens = _write_tokens(keys, node)
    _write_service_account_keys(keys)
    _write_certificate(keys, address)
    (keys / "audit.yaml").write_text(yaml.safe_dump(AUDIT_POLICY))
    wait_until("etcd", lambda: answers(f"http://127.0.0.1:{etcd_port}/health"), etcd, logs=logs)
    server = start("kube-apiserver", _api_server_command(binaries, directory, etcd_port, port, address), logs)
    url = f"https://127.0.0.1:{port}"
    wait_until("API server", lambda: answers(f"{url}/readyz", tokens["admin"]), server, logs=logs)
    return ControlPlane(url, port, keys / "apiserver.crt", tokens, logs / "audit.jsonl", [etcd, server])


def _etcd_command(binaries: Path, directory: Path, port: int, peer_port: int) -> list[str]:
    peer = f"http://127.0.0.1:{peer_port}"
    return [
        str(binaries / "etcd"),
        f"--data-dir={directory / 'etcd'}",
        f"--listen-client-urls=http://127.0.0.1:{port}",
        f"--advertise-client-urls=http://127.0.0.1:{port}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def _write_tokens(keys: Path, node: str) -> dict[str, str]:
    tokens = {user: secrets.token_hex(16) for user in USERS}
    rows = [f'{tokens[user]},{name.format(node=node)},{user},"{group}"' for user, (name, group) in USERS.items()]
    (keys / "tokens.csv").write_text("\n".join(rows) + "\n")
    (keys / "tokens.csv").chmod(0o600)
    return tokens


def _write_service_account_keys(keys: Path) -> None:
    subprocess.run(["openssl", "genrsa", "-out", str(keys / "sa.key"), "2048"], check=True, capture_output=True)
    subprocess.run(
        ["openssl", "rsa", "-in", str(keys / "sa.key"), "-pubout", "-out", str(keys / "sa.pub")],
        check=True,
        capture_output=True,
    )


def _write_certificate(keys: Path, address: str) -> None:
    """A certificate that is its own authority, for every name and address by which the server is reached."""
    others = f"DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:{SERVICE_ADDRESS},IP:{address}"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "365", "-subj", "/CN=devcluster"]
    files = [
        "-keyout",
        str(keys / "apiserver.key"),
        "-out",
        str(keys / "apiserver.crt"),
        "-addext",
        f"subjectAltName={others}",
    ]
    subprocess.run([*command, *files], check=True, capture_output=True)


def _api_server_command(binaries: Path, directory: Path, etcd_port: int, port: int, address: str) -> list[str]:
    keys = directory / "keys"
    return [
        str(binaries / "kube-apiserver"),
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        f"--secure-port={port}",
        "--bind-address=0.0.0.0",
        f"--advertise-address={address}",
        f"--tls-cert-file={keys / 'apiserver.crt'}",
        f"--tls-private-key-file={keys / 'apiserver.key'}",
        f"--token-auth-file={keys / 'tokens.csv'}",
        "--authorization-mode=Node,RBAC",
        # Off by default and on in many clusters: who sets blockOwnerDeletion needs a right of its own.
        "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
        f"--service-account-key-file={keys / 'sa.pub'}",
        f"--service-account-signing-key-file={keys / 'sa.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        f"--audit-policy-file={keys / 'audit.yaml'}",
        f"--audit-log-path={directory / 'logs' / 'audit.jsonl'}",
        "--kubelet-preferred-address-types=InternalIP",
        "--allow-privileged=true",
        "--v=1",
    ]


def write_kubeconfig(path: Path, plane: ControlPlane, user: str) -> Path:
    """A kubeconfig for one of the users. The server's certificate is its own authority."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "devcluster",
        "clusters": [
            {"name": "devcluster", "cluster": {"server": plane.url, "certificate-authority": str(plane.certificate)}}
        ],
        "users": [{"name": user, "user": {"token": plane.tokens[user]}}],
        "contexts": [{"name": "devcluster", "context": {"cluster": "devcluster", "user": user}}],
    }
    path.write_text(yaml.safe_dump(config))
    path.chmod(0o600)
    return path


def start_controllers(binaries: Path, directory: Path, plane: ControlPlane) -> list[Process]:
    """Start controller manager and scheduler."""
    logs, keys = directory / "logs", directory / "keys"
    manager, scheduler = (
        write_kubeconfig(keys / f"{user}.kubeconfig", plane, user) for user in ("controllers", "scheduler")
    )
    return [
        start(
            "kube-controller-manager",
            [
                str(binaries / "kube-controller-manager"),
                f"--kubeconfig={manager}",
                f"--service-account-private-key-file={keys / 'sa.key'}",
                f"--root-ca-file={plane.certificate}",
                "--use-service-account-credentials=false",
                "--leader-elect=false",
                f"--secure-port={free_port()}",
                f"--cert-dir={keys / 'manager'}",
                "--v=1",
            ],
            logs,
        ),
        start(
            "kube-scheduler",
            [
                str(binaries / "kube-scheduler"),
                f"--kubeconfig={scheduler}",
                "--leader-elect=false",
                f"--secure-port={free_port()}",
                f"--cert-dir={keys / 'scheduler'}",
                "--v=1",
            ],
            logs,
        ),
    ]
