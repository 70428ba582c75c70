"""Looks at the base model before a GPU is asked for: is the folder complete, and is each weights file whole? Reads headers only."""

import json
from typing import Any

from tunewright_trainer.shell.errors import ModelUnavailable, ObjectMissing
from tunewright_trainer.shell.storage import ObjectInfo, ObjectStore

INDEX = "model.safetensors.index.json"
HEADER_LENGTH_BYTES = 8
LARGEST_HEADER = 100_000_000


def check_model(store: ObjectStore, uri: str) -> dict[str, Any]:
    """The parsed config.json. Raises ModelUnavailable with what is wrong with the folder."""
    try:
        objects = {item.uri.removeprefix(uri.rstrip("/") + "/"): item for item in store.list_objects(uri)}
    except ObjectMissing as error:
        raise ModelUnavailable(f"spec.model.uri: {error}") from error
    if not objects:
        raise ModelUnavailable(f"spec.model.uri: there is nothing at {uri}")
    config = _config(store, uri, objects)
    if "tokenizer.json" not in objects and "tokenizer.model" not in objects:
        raise ModelUnavailable(f"spec.model.uri: {uri} has no tokenizer.json")
    if "tokenizer.json" in objects:
        _json_object(store, objects["tokenizer.json"])
    _check_chat_template(store, uri, objects)
    weights = sorted(name for name in objects if name.endswith(".safetensors") and "/" not in name)
    if not weights:
        raise ModelUnavailable(f"spec.model.uri: {uri} has no *.safetensors file (pickled weights are not loaded)")
    _check_shards(store, uri, objects)
    for name in weights:
        _check_weights(store, objects[name])
    return config


def _config(store: ObjectStore, uri: str, objects: dict[str, ObjectInfo]) -> dict[str, Any]:
    if "config.json" not in objects:
        raise ModelUnavailable(f"spec.model.uri: {uri} has no config.json: name the model's own folder")
    config = _json_object(store, objects["config.json"])
    if not isinstance(config.get("model_type"), str):
        raise ModelUnavailable(f"{objects['config.json'].uri} names no model_type")
    return config


def _json_object(store: ObjectStore, item: ObjectInfo) -> dict[str, Any]:
    try:
        value = json.loads(store.read(item.uri))
    except (ValueError, RecursionError) as error:
        raise ModelUnavailable(f"{item.uri} is not valid JSON: upload it again") from error
    if not isinstance(value, dict):
        raise ModelUnavailable(f"{item.uri} is not a JSON object: upload it again")
    return value


def _check_shards(store: ObjectStore, uri: str, objects: dict[str, ObjectInfo]) -> None:
    """A model in several files has an index of them."""
    if INDEX not in objects or "model.safetensors" in objects:
        return
    places = _json_object(store, objects[INDEX]).get("weight_map")
    if not isinstance(places, dict):
        raise ModelUnavailable(f"{objects[INDEX].uri} has no weight_map: upload it again")
    missing = sorted({str(name) for name in places.values()} - set(objects))
    if missing:
        raise ModelUnavailable(f"spec.model.uri: {uri} lacks {missing[0]}, which {INDEX} names: upload it")


def _check_chat_template(store: ObjectStore, uri: str, objects: dict[str, ObjectInfo]) -> None:
    if "chat_template.jinja" in objects:
        return
    if "tokenizer_config.json" in objects and _json_object(store, objects["tokenizer_config.json"]).get(
        "chat_template"
    ):
        return
    raise ModelUnavailable(
        f"spec.model.uri: {uri} has no chat template: use an instruction-tuned model, or add chat_template.jinja"
    )


def tensor_shapes(store: ObjectStore, uri: str) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor of a folder that `check_model` has found whole, by name."""
    weights = [item for item in store.list_objects(uri) if item.uri.endswith(".safetensors")]
    direct = [item for item in weights if "/" not in item.uri.removeprefix(uri.rstrip("/") + "/")]
    headers = [_header(store, item)[0] for item in direct]
    return {name: tuple(entry["shape"]) for header in headers for name, entry in header.items()}


def _header(store: ObjectStore, item: ObjectInfo) -> tuple[dict[str, Any], int]:
    """What a safetensors file says of its tensors, and where their bytes begin."""
    broken = ModelUnavailable(f"{item.uri} is not a whole safetensors file: upload it again")
    if item.size <= HEADER_LENGTH_BYTES:
        raise broken
    length = int.from_bytes(store.read(item.uri, 0, HEADER_LENGTH_BYTES), "little")
    if not 2 <= length <= min(item.size - HEADER_LENGTH_BYTES, LARGEST_HEADER):
        raise broken
    try:
        header = json.loads(store.read(item.uri, HEADER_LENGTH_BYTES, length))
        return {name: entry for name, entry in header.items() if name != "__metadata__"}, HEADER_LENGTH_BYTES + length
    except (ValueError, AttributeError) as error:
        raise broken from error


def _check_weights(store: ObjectStore, item: ObjectInfo) -> None:
    """A safetensors file says in its header how long it is; a torn or foreign file does not agree with that."""
    broken = ModelUnavailable(f"{item.uri} is not a whole safetensors file: upload it again")
    header, begin = _header(store, item)
    try:
        end = max(entry["data_offsets"][1] for entry in header.values())
    except (ValueError, TypeError, KeyError) as error:
        raise broken from error
    if begin + end != item.size:
        raise broken
