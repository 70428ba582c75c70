"""Fetches a model's folder, or only what its tokenizer needs. Imports no torch: the prepare step is to start quickly."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tunewright_trainer.shell.errors import ModelUnavailable
from tunewright_trainer.shell.folders import PARALLEL_TRANSFERS
from tunewright_trainer.shell.storage import ObjectStore

TOKENIZER_FILES = (".json", ".jinja", ".model", ".txt")
MODEL_FILES = (".safetensors", *TOKENIZER_FILES)


def download_model(store: ObjectStore, uri: str, folder: Path, endings: tuple[str, ...] = MODEL_FILES) -> Path:
    """Fetch the files with these endings; a local folder is used where it lies."""
    if uri.startswith("file://"):
        return Path(uri.removeprefix("file://"))
    prefix = uri.rstrip("/") + "/"
    found = [
        item
        for item in store.list_objects(uri)
        if item.uri.endswith(endings) and "/" not in item.uri.removeprefix(prefix)
    ]
    if not found:
        raise ModelUnavailable(f"spec.model.uri: there is nothing at {uri}")
    with ThreadPoolExecutor(PARALLEL_TRANSFERS) as pool:
        list(pool.map(lambda item: store.download(item.uri, folder / item.uri.removeprefix(prefix)), found))
    return folder
