"""What a user sees of a base model that is missing, torn or of an unknown kind, and of results that were tampered with between two steps."""

import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import refused_runs
from refused_runs import BUCKET, World, assert_refused, case_name
from tunewright_api import names
from tunewright_api.failures import FailureClass
from tunewright_api.manifest import Manifest

pytestmark = pytest.mark.filterwarnings("ignore")

DATA = f"s3://{BUCKET}/data/good.jsonl"
WEIGHTS = "model.safetensors"
TORN_HINT = "Something was changed or removed below spec.output.uri after it was written: see who else may write there, then raise spec.runAttempt."
MODULES = {"rank": 4, "targetModules": ["q_proj"]}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with refused_runs.world(tmp_path_factory.mktemp("world"), "bad-models") as found:
        yield found


Files = dict[str, bytes | None]


def config(model: Path, **changes: Any) -> bytes:
    values = {**json.loads((model / "config.json").read_text()), **changes}
    return json.dumps({key: value for key, value in values.items() if value is not None}).encode()


def weights(model: Path) -> bytes:
    return (model / WEIGHTS).read_bytes()


def without_first_tensor(model: Path) -> bytes:
    """A whole file that holds one tensor less than the architecture has."""
    data = weights(model)
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    last = max((name for name in header if name != "__metadata__"), key=lambda name: header[name]["data_offsets"][1])
    end = header.pop(last)["data_offsets"][0]
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length : 8 + length + end]


BAD_MODELS = [
    pytest.param(lambda model: {"config.json": None}, "spec.model.uri: {uri} has no config.json: name the model's own folder", id="no config"),
    pytest.param(lambda model: {"config.json": config(model)[:-9]}, "{uri}/config.json is not valid JSON: upload it again", id="a config that is cut"),
    pytest.param(lambda model: {"config.json": b"[]"}, "{uri}/config.json is not a JSON object: upload it again", id="a config that is a list"),
    pytest.param(lambda model: {"config.json": config(model, model_type=None)}, "{uri}/config.json names no model_type", id="a config without a type"),
    pytest.param(lambda model: {WEIGHTS: weights(model)[:-10]}, "{uri}/model.safetensors is not a whole safetensors file: upload it again", id="weights that are cut"),
    pytest.param(lambda model: {WEIGHTS: weights(model) + b"x"}, "{uri}/model.safetensors is not a whole safetensors file: upload it again", id="weights with a byte too many"),
    pytest.param(lambda model: {WEIGHTS: b"\xff" * 5000}, "{uri}/model.safetensors is not a whole safetensors file: upload it again", id="weights that are noise"),
    pytest.param(lambda model: {WEIGHTS: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"}, "{uri}/model.safetensors is not a whole safetensors file: upload it again", id="a pointer in place of the weights"),
    pytest.param(lambda model: {WEIGHTS: b""}, "{uri}/model.safetensors is not a whole safetensors file: upload it again", id="empty weights"),
    pytest.param(lambda model: {WEIGHTS: None, "pytorch_model.bin": b"\x80\x02"}, "spec.model.uri: {uri} has no *.safetensors file (pickled weights are not loaded)", id="pickled weights only"),
    pytest.param(lambda model: {WEIGHTS: None, "model-00001-of-00002.safetensors": weights(model), "model.safetensors.index.json": b'{"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}'}, "spec.model.uri: {uri} lacks model-00002-of-00002.safetensors, which model.safetensors.index.json names: upload it", id="a shard that is missing"),
    pytest.param(lambda model: {"tokenizer.json": None}, "spec.model.uri: {uri} has no tokenizer.json", id="no tokenizer"),
    pytest.param(lambda model: {"tokenizer.json": b'{"version": "1.0", "tru'}, "{uri}/tokenizer.json is not valid JSON: upload it again", id="a tokenizer that is cut"),
    pytest.param(lambda model: {"chat_template.jinja": None}, "spec.model.uri: {uri} has no chat template: use an instruction-tuned model, or add chat_template.jinja", id="no chat template"),
    pytest.param(lambda model: {"chat_template.jinja": None, "tokenizer_config.json": b'{"chat_template": null}'}, "spec.model.uri: {uri} has no chat template: use an instruction-tuned model, or add chat_template.jinja", id="a chat template that is null"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "sentence"), BAD_MODELS)
def test_a_model_that_cannot_be_used_is_found_before_a_gpu_is_asked_for(
    world: World, request: pytest.FixtureRequest, changes: Callable[[Path], Files], sentence: str
) -> None:
    name = case_name(request)
    uri = world.put_model(f"models/{name}", changes(world.model))
    spec = world.spec(DATA, model={"uri": uri, "id": "test/tiny"})
    result = world.attempt(world.config(name, names.PREPARE, spec))
    assert_refused(result, FailureClass.MODEL_UNAVAILABLE, sentence.format(uri=uri))
    assert world.manifests(name) == []


BAD_PLACES = [
    pytest.param(f"s3://{BUCKET}/none", "spec.model.uri: there is nothing at s3://good/none", id="a folder that is not there"),
    pytest.param(f"s3://{BUCKET}/models", "spec.model.uri: s3://good/models has no config.json: name the model's own folder", id="the folder above"),
    pytest.param("s3://nowhere/m", "spec.model.uri: s3://nowhere/m: there is no bucket nowhere on {server}", id="a bucket that is not there"),
]  # fmt: skip


@pytest.mark.parametrize(("uri", "sentence"), BAD_PLACES)
def test_a_place_without_a_model_is_named(
    world: World, request: pytest.FixtureRequest, uri: str, sentence: str
) -> None:
    name = case_name(request)
    spec = world.spec(DATA, model={"uri": uri, "id": "test/tiny"})
    result = world.attempt(world.config(name, names.PREPARE, spec))
    assert_refused(result, FailureClass.MODEL_UNAVAILABLE, sentence.format(server=world.server))
    assert world.manifests(name) == []


def test_an_architecture_without_a_table_asks_for_the_modules(world: World) -> None:
    uri = world.put_model("models/mamba", {"config.json": config(world.model, model_type="mamba")})
    spec = world.spec(DATA, model={"uri": uri, "id": "test/tiny"})
    result = world.attempt(world.config("mamba", names.PREPARE, spec))
    assert_refused(
        result,
        FailureClass.INVALID_SPEC,
        "spec.tuning.targetModules: there is no default for models of type 'mamba'; name the linear modules that get an adapter",
    )
    assert world.manifests("mamba") == []


FOUND_WHEN_LOADED = [
    pytest.param(lambda model: {WEIGHTS: without_first_tensor(model)}, {"rank": 4}, FailureClass.MODEL_UNAVAILABLE, "the weights at spec.model.uri lack 1 of the tensors that config.json asks for, first model.norm.weight", id="a tensor that is missing"),
    pytest.param(lambda model: {"config.json": config(model, hidden_size=32)}, {"rank": 4}, FailureClass.MODEL_UNAVAILABLE, "the model at spec.model.uri cannot be loaded: ", id="tensors of other sizes"),
    pytest.param(lambda model: {"config.json": config(model, model_type="nosuch", architectures=None)}, MODULES, FailureClass.MODEL_UNAVAILABLE, "the model at spec.model.uri cannot be loaded: The checkpoint you are trying to load has model type `nosuch` but Transformers does not recognize this architecture.", id="an unknown architecture"),
    pytest.param(lambda model: {}, {"rank": 4, "targetModules": ["no_proj"]}, FailureClass.INVALID_SPEC, "spec.tuning.targetModules: Target modules ", id="modules that the model does not have"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "tuning", "failure_class", "beginning"), FOUND_WHEN_LOADED)
def test_what_only_loading_shows_has_a_class_and_a_sentence(
    world: World,
    request: pytest.FixtureRequest,
    changes: Callable[[Path], Files],
    tuning: dict[str, Any],
    failure_class: FailureClass,
    beginning: str,
) -> None:
    name = case_name(request)
    uri = world.put_model(f"models/{name}", changes(world.model))
    spec = world.spec(DATA, model={"uri": uri, "id": "test/tiny"}, tuning=tuning)
    assert world.attempt(world.config(name, names.PREPARE, spec)).failure is None
    result = world.attempt(world.config(name, "train-sft", spec))
    assert result.failure is not None
    assert result.failure.message.startswith(beginning), result.failure.message
    assert_refused(result, failure_class, result.failure.message)
    assert [key.rsplit("/", 2)[-2] for key in world.manifests(name)] == ["prepare"]


FOUND_WHEN_RENDERED = [
    pytest.param({"tokenizer.json": b"{}"}, FailureClass.MODEL_UNAVAILABLE, "the tokenizer of spec.model.uri cannot be loaded: ", id="a tokenizer of nothing"),
    pytest.param({"chat_template.jinja": b"{% for m in messages %}{{ m['content'] }}"}, FailureClass.MODEL_UNAVAILABLE, "the chat template of spec.model.uri cannot be used: ", id="a chat template that is cut"),
    pytest.param({"chat_template.jinja": b"{% for m in messages %}{{ m['content'] }}{% endfor %}"}, FailureClass.INVALID_DATA, "40 of 40 rows (100 %) cannot be learned from", id="a chat template without an end"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "failure_class", "beginning"), FOUND_WHEN_RENDERED)
def test_what_rendering_shows_is_found_before_a_gpu_is_asked_for(
    world: World, request: pytest.FixtureRequest, changes: Files, failure_class: FailureClass, beginning: str
) -> None:
    name = case_name(request)
    uri = world.put_model(f"models/{name}", changes)
    result = world.attempt(world.config(name, names.PREPARE, world.spec(DATA, model={"uri": uri, "id": "test/tiny"})))
    assert result.failure is not None
    assert result.failure.message.startswith(beginning), result.failure.message
    assert_refused(result, failure_class, result.failure.message)
    assert world.manifests(name) == []


class Prepared:
    """The committed result of a prepare step, within reach of someone who should not write there."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.key = f"out/t/{name}/r1-u/prepare/manifest.json"
        body = world.admin.get_object(Bucket=BUCKET, Key=self.key)["Body"].read()
        self.manifest = Manifest.model_validate_json(body)
        self.rows_key = self.manifest.prefix.removeprefix(f"s3://{BUCKET}/") + "/stages/sft/train.jsonl"
        self.rows = world.admin.get_object(Bucket=BUCKET, Key=self.rows_key)["Body"].read()

    def write_rows(self, rows: bytes) -> None:
        self.world.put(self.rows_key, rows)

    def write_manifest(self, **changes: Any) -> None:
        body = self.manifest.model_copy(update=changes).model_dump_json(by_alias=True, exclude_none=True)
        self.world.put(self.key, body.encode())

    def list_anew(self, **changes: Any) -> None:
        """The list of files now agrees with what was changed; the digest is the old one."""
        entries = [
            entry.model_copy(update=changes) if entry.path == "stages/sft/train.jsonl" else entry
            for entry in self.manifest.files
        ]
        self.write_manifest(files=entries)


def change_rows(prepared: Prepared) -> None:
    prepared.write_rows(prepared.rows.replace(b"red", b"bad"))


def change_rows_and_list(prepared: Prepared) -> None:
    import hashlib

    rows = prepared.rows.replace(b"red", b"bad")
    prepared.write_rows(rows)
    prepared.list_anew(sha256=hashlib.sha256(rows).hexdigest(), size=len(rows))


def remove(key: str) -> Callable[[Prepared], None]:
    return lambda prepared: prepared.world.admin.delete_object(Bucket=BUCKET, Key=getattr(prepared, key))


TAMPERED = [
    pytest.param(change_rows, "{prefix}/stages/sft/train.jsonl differs from its manifest: it was cut or overwritten", id="rows that were changed"),
    pytest.param(lambda prepared: prepared.write_rows(prepared.rows[:-5]), "{prefix}/stages/sft/train.jsonl differs from its manifest: it was cut or overwritten", id="rows that were cut"),
    pytest.param(change_rows_and_list, "the files that the manifest of step prepare lists are not those of its digest", id="rows and list changed to agree"),
    pytest.param(remove("rows_key"), "a file of step prepare is gone: {prefix}/stages/sft/train.jsonl does not exist on {server}", id="rows that are gone"),
    pytest.param(lambda prepared: prepared.write_manifest(digest="sha256:" + "0" * 64), "{manifest} has digest sha256:" + "0" * 64 + ", but step prepare had reported {digest}", id="a manifest with another digest"),
    pytest.param(lambda prepared: prepared.world.put(prepared.key, b'{"schemaVersion": 1'), "{manifest} is not a manifest: it was cut or overwritten", id="a manifest that was cut"),
    pytest.param(remove("key"), "the result of step prepare is gone: {manifest} does not exist on {server}", id="a manifest that is gone"),
]  # fmt: skip


@pytest.mark.parametrize(("tamper", "sentence"), TAMPERED)
def test_a_result_that_was_tampered_with_is_never_trained_on(
    world: World, request: pytest.FixtureRequest, tamper: Callable[[Prepared], None], sentence: str
) -> None:
    name = case_name(request)
    spec = world.spec(DATA)
    assert world.attempt(world.config(name, names.PREPARE, spec)).failure is None
    prepared = Prepared(world, name)
    tamper(prepared)
    result = world.attempt(world.config(name, "train-sft", spec))
    told = {
        "prefix": prepared.manifest.prefix,
        "manifest": f"s3://{BUCKET}/{prepared.key}",
        "digest": prepared.manifest.digest,
        "server": world.server,
    }
    assert_refused(result, FailureClass.STORAGE_UNAVAILABLE, sentence.format(**told), TORN_HINT)
    assert [key for key in world.manifests(name) if "/prepare/" not in key] == []


def test_a_listed_path_that_leaves_its_folder_is_refused(world: World, tmp_path: Path) -> None:
    from tunewright_trainer.shell import folders
    from tunewright_trainer.shell.errors import TornContent
    from tunewright_trainer.shell.storage import open_store

    spec = world.spec(DATA)
    config = world.config("leaves", names.PREPARE, spec)
    assert world.attempt(config).failure is None
    prepared = Prepared(world, "leaves")
    prepared.list_anew(path="../escaped")
    store = open_store(config.spec.storage, None)
    manifest = folders.read_manifest(store, f"s3://{BUCKET}/{prepared.key}")
    with pytest.raises(TornContent, match="the manifest of step prepare lists a path that leaves its folder"):
        folders.download_files(store, manifest, tmp_path / "inner")
    assert not (tmp_path / "escaped").exists()


def test_the_next_good_job_is_unaffected(world: World) -> None:
    refused_runs.assert_good_job_is_unaffected(world)
