"""Ways to the API server, and sentences for those that lead nowhere."""

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from tunewright_operator.shell.credentials import CredentialsError, from_kubeconfig

CLUSTER = {
    "name": "c",
    "cluster": {"server": "https://api:6443/", "certificate-authority-data": base64.b64encode(b"CA").decode()},
}
CONTEXT = {"name": "x", "context": {"cluster": "c", "user": "u"}}


def kubeconfig(folder: Path, user: dict[str, Any], **changes: Any) -> Path:
    config = {
        "current-context": "x",
        "clusters": [CLUSTER],
        "contexts": [CONTEXT],
        "users": [{"name": "u", "user": user}],
    }
    path = folder / "config"
    path.write_text(yaml.safe_dump({**config, **changes}))
    return path


def test_a_token_in_the_file(tmp_path: Path) -> None:
    found = from_kubeconfig(kubeconfig(tmp_path, {"token": "t1"}))
    assert (found.server, found.ca_data, found.headers()) == ("https://api:6443", b"CA", {"Authorization": "Bearer t1"})


def test_a_token_file_is_read_at_each_use(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("old\n")
    found = from_kubeconfig(kubeconfig(tmp_path, {"tokenFile": "token"}))
    assert found.bearer_token() == "old"
    (tmp_path / "token").write_text("new\n")
    assert found.bearer_token() == "new"


def test_a_client_certificate_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "crt").write_bytes(b"CERT")
    key = base64.b64encode(b"KEY").decode()
    found = from_kubeconfig(kubeconfig(tmp_path, {"client-certificate": "crt", "client-key-data": key}))
    assert (found.certificate, found.private_key, found.headers()) == (b"CERT", b"KEY", {})


def test_no_secret_is_shown_when_credentials_are_logged(tmp_path: Path) -> None:
    found = from_kubeconfig(kubeconfig(tmp_path, {"token": "secret-token"}))
    assert "secret-token" not in repr(found)


@pytest.mark.parametrize(
    ("user", "changes", "words"),
    [
        pytest.param({}, {"current-context": ""}, "current-context is not set", id="no-context"),
        pytest.param({}, {"current-context": "y"}, "no entry 'y' in contexts", id="unknown-context"),
        pytest.param({}, {"clusters": []}, "no entry 'c' in clusters", id="unknown-cluster"),
        pytest.param({"client-key-data": "%%"}, {}, "client-key-data is not base64", id="torn-key"),
        pytest.param({"client-key": "nowhere"}, {}, "nowhere: cannot be read", id="missing-key"),
        pytest.param({"exec": {"command": "aws"}}, {}, "user 'u' signs in by a plug-in", id="plug-in"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, user: dict[str, Any], changes: dict[str, Any], words: str) -> None:
    with pytest.raises(CredentialsError, match=words):
        from_kubeconfig(kubeconfig(tmp_path, user, **changes))


def test_a_missing_kubeconfig_is_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="no such kubeconfig"):
        from_kubeconfig(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("clusters: [", "not valid YAML", id="no YAML"),
        pytest.param("- a", "is no kubeconfig", id="a list"),
    ],
)
def test_a_file_that_is_no_kubeconfig_is_said(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(CredentialsError, match=words):
        from_kubeconfig(tmp_path / "config")
