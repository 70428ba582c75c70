"""The publish step: copies what was evaluated, never rebuilds it."""

import json
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tunewright_api import names
from tunewright_api.manifest import FileEntry, Manifest, canonical_digest
from tunewright_api.run import RunResult
from tunewright_api.status import AdapterStatus, EvaluationStatus, ResolvedStage
from tunewright_trainer.context import StepContext, StepOutcome
from tunewright_trainer.publish.card import model_card
from tunewright_trainer.publish.serving import servable
from tunewright_trainer.shell import folders
from tunewright_trainer.shell.errors import TornContent
from tunewright_trainer.shell.folders import MANIFEST, canonical_json

ADAPTER = "adapter"
PROVENANCE = "provenance.json"
LIBRARIES = ("tunewright", "torch", "transformers", "peft", "trl", "bitsandbytes", "accelerate")


def run(context: StepContext) -> StepOutcome:
    """Assemble the adapter's folder, upload it with its manifest last, read everything back."""
    context.telemetry.update(activity="Downloading")
    out = context.workdir / "out"
    _collect(context, out)
    resolved = [
        manifest.result.resolved for manifest in context.inputs.values() if manifest.result and manifest.result.resolved
    ]
    evaluation = _evaluation(context)
    data_digest = context.inputs[names.PREPARE].digest
    serving = servable(context.config.spec.servable, _adapter_config(out).get("r") or 0)
    (out / "README.md").write_text(model_card(context.config, resolved, evaluation, data_digest, serving))
    (out / PROVENANCE).write_bytes(canonical_json(provenance(context, resolved)))
    entries = folders.file_entries(out)
    manifest = _manifest(context, entries)
    context.telemetry.update(activity="Uploading")
    folders.upload_files(context.store, out, manifest.prefix, entries)
    context.store.write(f"{manifest.prefix}/{MANIFEST}", folders.manifest_bytes(manifest))
    context.telemetry.update(activity="Verifying")
    _read_back(context, manifest)
    return StepOutcome(
        out,
        manifest.digest,
        RunResult(
            step=context.config.step,
            attempt=context.config.attempt,
            adapter=_adapter(context, out, manifest),
            evaluation=evaluation,
        ),
    )


def _collect(context: StepContext, out: Path) -> None:
    package = context.workdir / "package"
    folders.download_files(context.store, context.inputs[names.PACKAGE], package)
    candidate = package / ADAPTER
    digest = canonical_digest((entry.path, entry.sha256) for entry in folders.file_entries(candidate))
    if digest != context.inputs[names.PACKAGE].digest:
        raise TornContent("the candidate differs from the one that was evaluated")
    shutil.copytree(candidate, out)
    folders.check_content(context.inputs[names.EVALUATE])
    folders.download_files(context.store, context.inputs[names.EVALUATE], out)


def _evaluation(context: StepContext) -> EvaluationStatus | None:
    result = context.inputs[names.EVALUATE].result
    return result.evaluation if result else None


def provenance(context: StepContext, resolved: list[ResolvedStage]) -> dict[str, Any]:
    """From data to adapter, each link by its digest."""
    config = context.config
    return {
        "schemaVersion": 1,
        "job": {"namespace": config.namespace, "name": config.name, "uid": config.uid, "runId": config.run_id},
        "image": config.image,
        "libraries": {name: found for name in LIBRARIES if (found := _version(name))},
        "spec": config.spec.to_wire(),
        "resolved": [stage.to_wire() for stage in resolved],
        "steps": {
            step: {
                "digest": manifest.digest,
                "prefix": manifest.prefix,
                "attempt": manifest.attempt,
                "inputs": manifest.inputs,
            }
            for step, manifest in context.inputs.items()
        },
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _manifest(context: StepContext, entries: list[FileEntry]) -> Manifest:
    return Manifest(
        kind="Adapter",
        run_id=context.config.run_id,
        step=context.config.step,
        attempt=context.config.attempt,
        prefix=f"{context.config.run_uri}/{ADAPTER}",
        files=entries,
        digest=context.inputs[names.PACKAGE].digest,
        inputs={step: manifest.digest for step, manifest in context.inputs.items()},
        created_at=folders.now(),
    )


def _read_back(context: StepContext, manifest: Manifest) -> None:
    """What a consumer will get: the manifest from the store, and every file that it names."""
    stored = folders.read_manifest(context.store, f"{manifest.prefix}/{MANIFEST}")
    if stored != manifest:
        raise TornContent(f"{manifest.prefix}/{MANIFEST} was read back with other content")
    folders.download_files(context.store, stored, context.workdir / "readback")


def _adapter(context: StepContext, out: Path, manifest: Manifest) -> AdapterStatus:
    spec = context.config.spec
    config = _adapter_config(out)
    rank = config.get("r") or 0
    return AdapterStatus(
        uri=manifest.prefix,
        manifest_uri=f"{manifest.prefix}/{MANIFEST}",
        digest=manifest.digest,
        base_model=spec.model.id,
        type=spec.tuning.method_name,
        servable=servable(spec.servable, rank),
        rank=rank,
        target_modules=config.get("target_modules") or [],
        size_bytes=sum(entry.size for entry in manifest.files),
    )


def _adapter_config(out: Path) -> dict[str, Any]:
    """What PEFT reads; nothing where the whole model was trained."""
    path = out / "adapter_config.json"
    config: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return config
