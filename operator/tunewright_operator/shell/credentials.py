"""Where the API server is and how to sign in to it: the pod's service account, or a kubeconfig."""

import base64
import os
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class CredentialsError(Exception):
    """There is no usable way to the API server; the text says what is missing."""


@dataclass(frozen=True)
class Credentials:
    """One API server and one identity. A token in a file is read at each use: the kubelet replaces it every hour."""

    server: str
    ca_data: bytes | None = None
    insecure: bool = False
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    certificate: bytes | None = field(default=None, repr=False)
    private_key: bytes | None = field(default=None, repr=False)

    def bearer_token(self) -> str | None:
        """The token of this moment."""
        return self.token_file.read_text().strip() if self.token_file else self.token

    def headers(self) -> dict[str, str]:
        """What signs a request."""
        token = self.bearer_token()
        return {"Authorization": f"Bearer {token}"} if token else {}

    def ssl_context(self) -> ssl.SSLContext | None:
        """None for plain HTTP."""
        if not self.server.startswith("https:"):
            return None
        context = ssl.create_default_context(cadata=self.ca_data.decode() if self.ca_data else None)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate and self.private_key:
            _load_chain(context, self.certificate, self.private_key)
        return context


def _load_chain(context: ssl.SSLContext, certificate: bytes, private_key: bytes) -> None:
    # Python's ssl reads client certificates from files only. In a pod, where the root file system is read-only, there are none.
    with tempfile.TemporaryDirectory() as folder:
        certificate_file, key_file = Path(folder) / "certificate", Path(folder) / "key"
        certificate_file.write_bytes(certificate)
        key_file.touch(mode=0o600)
        key_file.write_bytes(private_key)
        context.load_cert_chain(certificate_file, key_file)


def _in_pod() -> Credentials:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise CredentialsError(
            f"{SERVICE_ACCOUNT} is mounted, but KUBERNETES_SERVICE_HOST is not set: run the operator in a pod or set KUBECONFIG"
        )
    return Credentials(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        ca_data=(SERVICE_ACCOUNT / "ca.crt").read_bytes(),
        token_file=SERVICE_ACCOUNT / "token",
    )


def _parsed(path: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(path.read_text()) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CredentialsError(f"{path}: not valid YAML; `kubectl config view` shows where") from error
    if not isinstance(config, dict):
        raise CredentialsError(f"{path}: is no kubeconfig: clusters, users and contexts are needed")
    return config


def _entry(config: dict[str, Any], section: str, name: str, key: str, path: Path) -> dict[str, Any]:
    for entry in config.get(section) or []:
        if entry.get("name") == name:
            return dict(entry.get(key) or {})
    raise CredentialsError(f"{path}: no entry '{name}' in {section}; `kubectl config view` shows what is there")


def _data(entry: dict[str, Any], key: str, folder: Path) -> bytes | None:
    try:
        if entry.get(f"{key}-data"):
            return base64.b64decode("".join(str(entry[f"{key}-data"]).split()), validate=True)
        return (folder / entry[key]).read_bytes() if entry.get(key) else None
    except ValueError as error:
        raise CredentialsError(f"the kubeconfig's {key}-data is not base64: write the file anew") from error
    except OSError as error:
        raise CredentialsError(f"{folder / entry[key]}: cannot be read ({error.strerror})") from error


def from_kubeconfig(path: Path) -> Credentials:
    """The current context of a kubeconfig."""
    if not path.is_file():
        raise CredentialsError(f"{path}: no such kubeconfig; set KUBECONFIG to one, or run the operator in a pod")
    config = _parsed(path)
    current = config.get("current-context")
    if not current:
        raise CredentialsError(f"{path}: current-context is not set; choose one with `kubectl config use-context`")
    context = _entry(config, "contexts", current, "context", path)
    cluster = _entry(config, "clusters", context.get("cluster", ""), "cluster", path)
    user = _entry(config, "users", context.get("user", ""), "user", path)
    if "exec" in user or "auth-provider" in user:
        raise CredentialsError(
            f"{path}: user '{context.get('user')}' signs in by a plug-in, which the operator does not run; use a token or a client certificate"
        )
    return Credentials(
        server=str(cluster.get("server", "")).rstrip("/"),
        ca_data=_data(cluster, "certificate-authority", path.parent),
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        token=user.get("token"),
        token_file=path.parent / user["tokenFile"] if user.get("tokenFile") else None,
        certificate=_data(user, "client-certificate", path.parent),
        private_key=_data(user, "client-key", path.parent),
    )


def load() -> Credentials:
    """KUBECONFIG where it is set, else the service account, else the user's own kubeconfig."""
    if os.environ.get("KUBECONFIG"):
        return from_kubeconfig(Path(os.environ["KUBECONFIG"].split(os.pathsep)[0]))
    if (SERVICE_ACCOUNT / "token").is_file():
        return _in_pod()
    return from_kubeconfig(Path.home() / ".kube" / "config")
