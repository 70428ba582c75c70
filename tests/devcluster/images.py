"""Builds our images with the project's own Dockerfiles and hands them to the node. Names carry the hash of what went in."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from devcluster import node
from devcluster.errors import DevclusterError
from devcluster.state import Cluster, cache_directory

ROOT = Path(__file__).resolve().parents[2]
BASE_PACKAGES = "ca-certificates,python3,python3-venv,libgomp1"
SUITE = "bookworm"
INGREDIENTS = {"operator": ("api", "operator", "monitor"), "trainer": ("api", "trainer")}
"""Folders whose change makes another image. (Each image holds the others' code too: one distribution, one wheel; nothing runs it there.)"""
COMMON = ("pyproject.toml", "uv.lock", ".dockerignore")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PASSED_VARIABLES = (
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "UV_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
)


def image_name(kind: str) -> str:
    """tunewright.test/<kind>:<hash of the files that the image is made from>."""
    return f"tunewright.test/{kind}:{_context_hash(kind)}"


def ensure(kind: str, cluster: Cluster) -> str:
    """Build the image `operator` or `trainer` if this checkout's is not on the node yet; returns its name."""
    name = image_name(kind)
    if node.has_image(name):
        return name
    _build(name, ROOT / f"Dockerfile.{kind}", _base_image())
    _hand_over(name, cluster)
    return name


def _context_files(kind: str) -> list[Path]:
    listed = subprocess.run(
        [
            "git",
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            *INGREDIENTS[kind],
            *COMMON,
            f"Dockerfile.{kind}",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in sorted(set(listed.stdout.split("\n"))) if name and (ROOT / name).is_file()]


def _context_hash(kind: str) -> str:
    digest = hashlib.sha256()
    for path in _context_files(kind):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _buildah(*arguments: str) -> str:
    done = subprocess.run(["buildah", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise DevclusterError(f"buildah {arguments[0]} failed: {(done.stdout + done.stderr)[-3000:]}")
    return done.stdout.strip()


def _base_image() -> str:
    """A small Debian with Python. No public registry is needed."""
    name = f"localhost/tunewright-base:{hashlib.sha256((BASE_PACKAGES + SUITE).encode()).hexdigest()[:12]}"
    if (
        subprocess.run(["buildah", "inspect", "--type", "image", name], capture_output=True, check=False).returncode
        == 0
    ):
        return name
    root = cache_directory() / "base-root"
    shutil.rmtree(root, ignore_errors=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={BASE_PACKAGES}", SUITE, str(root)],
        check=True,
        capture_output=True,
    )
    for waste in (
        "var/cache/apt",
        "var/lib/apt/lists",
        "usr/share/doc",
        "usr/share/man",
        "usr/share/locale",
        "var/log",
    ):
        shutil.rmtree(root / waste, ignore_errors=True)
    work = root.with_name("base-context")
    work.mkdir(exist_ok=True)
    (work / "Dockerfile").write_text("FROM scratch\nADD base.tar /\n")
    subprocess.run(["tar", "-C", str(root), "-cf", str(work / "base.tar"), "--exclude=./dev/*", "."], check=True)
    _buildah("bud", "--isolation", "chroot", "-t", name, str(work))
    shutil.rmtree(root, ignore_errors=True)
    shutil.rmtree(work)
    return name


def _build(name: str, dockerfile: Path, base: str) -> None:
    arguments = [
        "bud",
        "--isolation",
        "chroot",
        "--layers",
        "--network",
        "host",
        "-t",
        name,
        "-f",
        str(dockerfile),
        "--build-arg",
        f"BASE_IMAGE={base}",
    ]
    if CERTIFICATES.is_file():
        arguments += ["--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"]
    for variable in PASSED_VARIABLES:
        if os.environ.get(variable):
            arguments += ["--env", f"{variable}={os.environ[variable]}"]
    _buildah(*arguments, str(ROOT))


def _hand_over(name: str, cluster: Cluster) -> None:
    """Through the registry, so that only new layers move."""
    remote = f"{cluster.registry}/{name.partition('/')[2]}"
    _buildah("push", "--tls-verify=false", name, f"docker://{remote}")
    node.ctr("images", "pull", "--plain-http", remote)
    node.ctr("images", "tag", "--force", remote, name)
    node.ctr("images", "remove", remote)
    _forget_older(name)


def _forget_older(name: str) -> None:
    """Images are large: the node and the builder keep one of each kind."""
    kind = name.rpartition(":")[0]
    for old in node.ctr("images", "list", "--quiet").split():
        if old.startswith(f"{kind}:") and old != name:
            node.ctr("images", "remove", old)
    listed = subprocess.run(
        ["buildah", "images", "--format", "{{.Name}}:{{.Tag}}"], capture_output=True, text=True, check=False
    )
    for old in listed.stdout.split():
        if old.startswith(f"{kind}:") and old != name:
            subprocess.run(["buildah", "rmi", old], capture_output=True, check=False)
