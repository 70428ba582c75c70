"""Objects are read the fast way where there is one, and by boto3 where it fails, from where it failed: the same bytes, the same versions, the same words."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import devcluster
import trainer_process
from devcluster.s3 import ACCESS_KEY, SECRET_KEY, client
from opened_stores import ODD_NAMES, connect
from tunewright_trainer.shell.errors import ObjectMissing, StorageDenied, StorageUnavailable
from tunewright_trainer.shell.fast_reads import FastReadFailedError, FastReads, Part
from tunewright_trainer.shell.storage import BLOCK_BYTES, ObjectInfo, ObjectStore, S3Store

CONTENT = bytes(range(256)) * 10_000


@pytest.fixture(scope="module")
def cluster() -> Iterator[devcluster.Cluster]:
    with trainer_process.own_s3("fast-reads") as found:
        admin = client(found.s3_endpoint)
        admin.create_bucket(Bucket="plain")
        for name in ("here.bin", *ODD_NAMES):
            admin.put_object(Bucket="plain", Key=f"odd/{name}", Body=CONTENT)
        yield found


@pytest.fixture
def no_boto3(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> str:
        raise AssertionError("boto3 was asked")

    monkeypatch.setattr(S3Store, "_read_on", refuse)


def read(store: ObjectStore, item: ObjectInfo, start: int = 0, length: int | None = None) -> bytes:
    blocks: list[bytes] = []
    store.read_into(item, start, item.size if length is None else length, blocks.append)
    assert all(len(block) <= 2 * BLOCK_BYTES for block in blocks)
    return b"".join(blocks)


@pytest.mark.usefixtures("no_boto3")
def test_every_object_is_read_the_fast_way_whatever_its_name(cluster: devcluster.Cluster, tmp_path: Path) -> None:
    store = connect(cluster.s3_endpoint, tmp_path)
    found = store.list_objects("s3://plain/odd")
    assert len(found) == len(ODD_NAMES) + 1
    for item in found:
        assert read(store, item) == CONTENT, item.uri


@pytest.mark.usefixtures("no_boto3")
def test_a_part_is_read_to_the_byte(cluster: devcluster.Cluster, tmp_path: Path) -> None:
    store = connect(cluster.s3_endpoint, tmp_path)
    item = store.info("s3://plain/odd/here.bin")
    assert item is not None
    assert read(store, item, 1000, 1_500_000) == CONTENT[1000:1_501_000]
    assert read(store, item, len(CONTENT) - 1, 1) == CONTENT[-1:]


def test_boto3_goes_on_where_the_fast_way_failed_and_is_asked_alone_from_then_on(
    cluster: devcluster.Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def fail(self: FastReads, part: Part, take: Callable[[bytes], object], _: int) -> str:
        asked.append((part.start, part.end))
        take(CONTENT[part.start : part.start + 5000])
        raise FastReadFailedError

    monkeypatch.setattr(FastReads, "read_into", fail)
    store = connect(cluster.s3_endpoint, tmp_path)
    item = store.info("s3://plain/odd/here.bin")
    assert item is not None
    assert read(store, item) == CONTENT
    assert asked == [(0, len(CONTENT))]


@pytest.mark.parametrize(
    ("item", "keys", "kind", "words"),
    [
        pytest.param(ObjectInfo("s3://plain/missing", 5), (ACCESS_KEY, SECRET_KEY), ObjectMissing, "does not exist", id="missing"),
        pytest.param(ObjectInfo("s3://plain/odd/here.bin", 5, "0" * 32), (ACCESS_KEY, SECRET_KEY), StorageUnavailable, "was overwritten", id="overwritten"),
        pytest.param(ObjectInfo("s3://plain/odd/here.bin", 5), (ACCESS_KEY, "wrong"), StorageDenied, "refused access", id="denied"),
    ],
)  # fmt: skip
def test_what_fails_is_told_in_boto3s_words(
    cluster: devcluster.Cluster, tmp_path: Path, item: ObjectInfo, keys: tuple[str, str], kind: type[Exception], words: str
) -> None:  # fmt: skip
    store = connect(cluster.s3_endpoint, tmp_path, *keys)
    with pytest.raises(kind, match=words):
        read(store, item)


def test_a_key_that_the_fast_way_does_not_know_is_read_by_boto3_and_the_others_as_before(
    cluster: devcluster.Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, asked = connect(cluster.s3_endpoint, tmp_path), []

    def read_on(_: S3Store, part: Part, __: object) -> str:
        asked.append(part.key)
        return ""

    monkeypatch.setattr(S3Store, "_read_on", read_on)
    read(store, ObjectInfo("s3://plain/odd//twice.bin", 5))
    assert read(store, ObjectInfo("s3://plain/odd/here.bin", len(CONTENT))) == CONTENT
    assert asked == ["odd//twice.bin"]


def test_proxies_of_the_environment_are_left_out_for_a_server_of_ones_own(
    cluster: devcluster.Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    store = connect(cluster.s3_endpoint, tmp_path)
    item = store.info("s3://plain/odd/here.bin")
    assert item is not None
    assert read(store, item) == CONTENT


def test_an_error_of_whoever_takes_the_bytes_is_no_failure_of_the_way(
    cluster: devcluster.Cluster, tmp_path: Path
) -> None:
    store = connect(cluster.s3_endpoint, tmp_path)
    item = store.info("s3://plain/odd/here.bin")
    assert item is not None

    def refuse(_: bytes) -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        store.read_into(item, 0, item.size, refuse)
