"""The objects of a data set from a real S3 server: which, which version, and none that changes under the reader's hands."""

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

import devcluster
import trainer_process
from devcluster.s3 import ACCESS_KEY, SECRET_KEY, client
from tunewright_api.datasets import Dataset
from tunewright_api.storage import Storage
from tunewright_trainer.prepare.sources import fetch_all, find_objects
from tunewright_trainer.shell.downloads import PART_BYTES
from tunewright_trainer.shell.errors import ObjectMissing, StorageUnavailable
from tunewright_trainer.shell.storage import ObjectStore, open_store

BUCKET = "rows"
CONTENTS = {"support/a.jsonl": b"a\n", "support/b.jsonl": b"", f"support/{'ü' * 180}.jsonl": b"long\n", "support/large.jsonl": random.Random(0).randbytes(PART_BYTES + 1_000_000)}  # fmt: skip


@pytest.fixture(scope="module")
def cluster() -> Iterator[devcluster.Cluster]:
    with trainer_process.own_s3("sources") as found:
        admin = client(found.s3_endpoint)
        admin.create_bucket(Bucket=BUCKET)
        admin.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        for key, content in CONTENTS.items():
            admin.put_object(Bucket=BUCKET, Key=key, Body=content)
        for key in ("support/", "support/_SUCCESS", "support/sub_$folder$"):
            admin.put_object(Bucket=BUCKET, Key=key, Body=b"")
        yield found


@pytest.fixture
def store(cluster: devcluster.Cluster, tmp_path: Path) -> ObjectStore:
    folder = tmp_path / "secrets" / "s3"
    folder.mkdir(parents=True)
    (folder / "AWS_ACCESS_KEY_ID").write_text(ACCESS_KEY)
    (folder / "AWS_SECRET_ACCESS_KEY").write_text(SECRET_KEY)
    settings = Storage.model_validate({"endpoint": cluster.s3_endpoint, "secretRef": {"name": "s3"}})
    return open_store(settings, tmp_path / "secrets")


def test_a_prefix_arrives_whole_with_its_provenance(
    cluster: devcluster.Cluster, store: ObjectStore, tmp_path: Path
) -> None:
    admin = client(cluster.s3_endpoint)
    seen = []
    for fetched in fetch_all(
        store, find_objects(store, Dataset(uri=f"s3://{BUCKET}/support/")), "sft", tmp_path / "scratch"
    ):
        key = fetched.provenance.uri.removeprefix(f"s3://{BUCKET}/")
        content = CONTENTS[key]
        assert fetched.path.read_bytes() == content
        head = admin.head_object(Bucket=BUCKET, Key=key)
        said = fetched.provenance
        assert (said.size, said.sha256, said.etag) == (len(content), hashlib.sha256(content).hexdigest(), head["ETag"].strip('"'))  # fmt: skip
        # An empty object is not read, so nobody has said its version.
        assert said.version_id == (head["VersionId"] if content else "")
        seen.append(key)
        fetched.remove()
    assert seen == sorted(CONTENTS)
    assert [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()] == []


def test_an_object_that_was_overwritten_is_not_a_mixture_of_both(
    cluster: devcluster.Cluster, store: ObjectStore, tmp_path: Path
) -> None:
    admin = client(cluster.s3_endpoint)
    admin.create_bucket(Bucket="plain")
    admin.put_object(Bucket="plain", Key="rows.jsonl", Body=b"before\n")
    found = find_objects(store, Dataset(uri="s3://plain/rows.jsonl"))
    admin.put_object(Bucket="plain", Key="rows.jsonl", Body=b"after\n")
    with pytest.raises(StorageUnavailable) as raised:
        list(fetch_all(store, found, "sft", tmp_path / "scratch"))
    assert str(raised.value) == "s3://plain/rows.jsonl was overwritten while it was read: leave the objects of a run alone"  # fmt: skip


def test_with_versions_what_was_found_is_what_is_read(
    cluster: devcluster.Cluster, store: ObjectStore, tmp_path: Path
) -> None:
    admin = client(cluster.s3_endpoint)
    admin.put_object(Bucket=BUCKET, Key="single.jsonl", Body=b"before\n")
    found = find_objects(store, Dataset(uri=f"s3://{BUCKET}/single.jsonl"))
    admin.put_object(Bucket=BUCKET, Key="single.jsonl", Body=b"after\n")
    (content,) = [fetched.path.read_bytes() for fetched in fetch_all(store, found, "sft", tmp_path / "scratch")]
    assert content == b"before\n"


@pytest.mark.parametrize(("uri", "sentence"), [("s3://rows/none/", "there is no object below s3://rows/none/"), ("s3://nowhere/none/", "s3://nowhere/none: there is no bucket nowhere on {}")], ids=["no object", "no bucket"])  # fmt: skip
def test_a_prefix_without_objects_is_named(
    cluster: devcluster.Cluster, store: ObjectStore, uri: str, sentence: str
) -> None:
    with pytest.raises(ObjectMissing) as raised:
        find_objects(store, Dataset(uri=uri))
    assert str(raised.value) == sentence.format(cluster.s3_endpoint)
