"""Finds the reference sketch that was published with the adapter, and believes it only if the adapter's manifest vouches for it."""

import hashlib

from pydantic import ValidationError

from tunewright_api.manifest import Manifest
from tunewright_api.sketch import SKETCH_FILE, ReferenceSketch
from tunewright_monitor.storage import ObjectMissing, ObjectReader, StorageError

MANIFEST_FILE = "manifest.json"


def read_reference(reader: ObjectReader, adapter_uri: str) -> ReferenceSketch:
    """The sketch in the adapter's folder. Raises StorageError with a sentence for whoever wrote `spec.adapterUri`."""
    folder = adapter_uri.rstrip("/")
    try:
        manifest = Manifest.model_validate_json(reader.read(f"{folder}/{MANIFEST_FILE}"))
    except ObjectMissing as error:
        raise StorageError(
            f"{folder} holds no published adapter (no {MANIFEST_FILE}): spec.adapterUri must be status.adapter.uri of a FineTuneJob"
        ) from error
    except ValidationError as error:
        raise StorageError(f"{folder}/{MANIFEST_FILE} is not a manifest: it was cut or overwritten") from error
    digest = next((entry.sha256 for entry in manifest.files if entry.path == SKETCH_FILE), None)
    if digest is None:
        raise StorageError(f"{folder} was published without {SKETCH_FILE}: there is nothing to compare traffic with")
    data = reader.read(f"{folder}/{SKETCH_FILE}")
    if hashlib.sha256(data).hexdigest() != digest:
        raise StorageError(f"{folder}/{SKETCH_FILE} differs from its manifest: it was cut or overwritten")
    try:
        return ReferenceSketch.model_validate_json(data)
    except ValidationError as error:
        raise StorageError(f"{folder}/{SKETCH_FILE} is not a reference that this version can read") from error
