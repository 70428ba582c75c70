"""Which objects the rows of a stage lie in, how often each of their rows is taken, and the way of the objects to scratch."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewright_api.data_report import SourceObject
from tunewright_api.datasets import Dataset, Source
from tunewright_trainer.prepare.records import Record
from tunewright_trainer.shell.downloads import Downloaded, download_all
from tunewright_trainer.shell.errors import InvalidSpec, ObjectMissing
from tunewright_trainer.shell.folders import canonical_json, sha256_of
from tunewright_trainer.shell.storage import ObjectInfo, ObjectStore

MOST_OBJECTS = 10_000
"""Of one stage; merge smaller ones."""
FOLDER_MARK = "_$folder$"
LOCAL = "file://"
LONGEST_NAME = 60
"""Of a file on scratch, in characters, its ending included: of 4 bytes each at most, and file systems allow 255."""


@dataclass(frozen=True)
class FoundObject:
    """One object of a data set."""

    item: ObjectInfo
    name: str
    """Short, and unlike that of any other object of the data set: what places of rows begin with."""
    source: Source
    held_out: bool
    """It is part of `dataset.evalUri`."""

    @property
    def size(self) -> int:
        """In bytes."""
        return self.item.size

    @property
    def is_local(self) -> bool:
        """It is read where it lies, and is no copy of ours."""
        return self.item.uri.startswith(LOCAL)


@dataclass(frozen=True)
class FetchedObject:
    """One object, on this machine's disk."""

    path: Path
    found: FoundObject
    provenance: SourceObject

    @property
    def name(self) -> str:
        """What places of rows begin with."""
        return self.found.name

    @property
    def source(self) -> Source:
        """The part of the mix that it belongs to."""
        return self.found.source

    @property
    def held_out(self) -> bool:
        """It is part of `dataset.evalUri`."""
        return self.found.held_out

    def remove(self) -> None:
        """Free the scratch that it takes."""
        if not self.found.is_local:
            self.path.unlink()


def find_objects(store: ObjectStore, dataset: Dataset) -> list[FoundObject]:
    """All objects of a data set, those of a prefix sorted by key, held-out ones last. What evalUri names is not trained on, though it lies below a source's prefix. Raises ObjectMissing."""
    test = Source(uri=dataset.eval_uri) if dataset.eval_uri else None
    held_out = [(item, test) for item in _listed(store, test.uri)] if test else []
    kept_apart = {item.uri for item, _ in held_out}
    training = [
        (item, source)
        for source in dataset.all_sources()
        for item in _listed(store, source.uri)
        if item.uri not in kept_apart
    ]
    _check(dataset, training)
    names = short_names([item.uri for item, _ in (*training, *held_out)])
    marked = [*((*pair, False) for pair in training), *((*pair, True) for pair in held_out)]
    return [FoundObject(item, names[item.uri], source, held) for item, source, held in marked]


def _check(dataset: Dataset, training: Sequence[tuple[ObjectInfo, Source]]) -> None:
    if not training:
        raise ObjectMissing(f"{dataset.where} has no object besides those of evalUri: nothing is left to train on")
    if len(training) > MOST_OBJECTS:
        raise InvalidSpec(f"{dataset.where} has {len(training)} objects; at most {MOST_OBJECTS} are read: merge them")
    uri, count = Counter(item.uri for item, _ in training).most_common(1)[0]
    if count > 1:
        raise InvalidSpec(f"{uri} is part of {count} sources; raise the weight of one source instead")


def _listed(store: ObjectStore, uri: str) -> list[ObjectInfo]:
    return _below(store, uri) if uri.endswith("/") else [_single(store, uri)]


def _single(store: ObjectStore, uri: str) -> ObjectInfo:
    info = store.info(uri)
    if info is None:
        # A HEAD has no words for what is missing, the object or its bucket.
        store.read(uri, 0, 1)
        raise ObjectMissing(f"{uri} has come into being just now")
    return info


def _below(store: ObjectStore, prefix: str) -> list[ObjectInfo]:
    listed = store.list_objects(prefix.rstrip("/"))
    found = [item for item in listed if not _is_hidden(item.uri.removeprefix(prefix))]
    if not found:
        besides = f" but {len(listed)} whose names begin with _ or ." if listed else ""
        raise ObjectMissing(f"there is no object below {prefix}{besides}")
    return sorted(found, key=lambda item: item.uri.encode())


def _is_hidden(name: str) -> bool:
    """What writers leave beside their rows: _SUCCESS, .part, marks of folders."""
    return name.endswith((FOLDER_MARK, "/")) or any(part.startswith(("_", ".")) for part in name.split("/"))


def short_names(uris: Sequence[str]) -> dict[str, str]:
    """The end of each URI, as long as it takes to tell it from the others."""
    names: dict[str, str] = {}
    waiting, length = sorted(set(uris)), 0
    while waiting:
        length += 1
        ends = {uri: "/".join(uri.split("/")[-length:]) for uri in waiting}
        counts = Counter(ends.values())
        names |= {uri: end for uri, end in ends.items() if counts[end] == 1 or end == uri}
        waiting = [uri for uri in waiting if uri not in names]
    return names


def fetch_all(store: ObjectStore, found: Sequence[FoundObject], stage: str, folder: Path) -> Iterator[FetchedObject]:
    """The objects of a stage in order, while the next ones are on their way. A local file is read where it lies."""
    targets = [
        folder / f"{number}-{each.item.uri.rsplit('/', 1)[-1][-LONGEST_NAME:]}" for number, each in enumerate(found)
    ]
    remote = [(each.item, path) for each, path in zip(found, targets, strict=True) if not each.is_local]
    coming = download_all(store, remote)
    for each in found:
        yield _fetched(each, _local(each.item) if each.is_local else next(coming), stage)


def _local(item: ObjectInfo) -> Downloaded:
    path = Path(item.uri.removeprefix(LOCAL))
    return Downloaded(item, path, sha256_of(path))


def _fetched(found: FoundObject, downloaded: Downloaded, stage: str) -> FetchedObject:
    item = downloaded.item
    provenance = SourceObject(
        stage=stage,
        uri=item.uri,
        version_id=item.version_id,
        etag=item.etag,
        size=item.size,
        sha256=downloaded.sha256,
        held_out=found.held_out,
    )
    return FetchedObject(downloaded.path, found, provenance)


def copies_of(record: Record, source: Source, seed: int) -> int:
    """How often a row is taken: the whole part of its source's weight, and once more with the probability of the rest. A function of what the row says: other rows, before or after, change nothing."""
    weight = 1.0 if source.weight is None else source.weight
    whole = int(weight)
    if weight == whole:
        return whole
    content = b"".join(canonical_json(example.to_json("")) for example in record.examples)
    digest = hashlib.blake2b(content, digest_size=8, salt=_salt(source.uri, seed)).digest()
    return whole + (int.from_bytes(digest, "big") < (weight - whole) * 2**64)


def _salt(uri: str, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed}\n{uri}".encode(), digest_size=16).digest()
