"""Checkpoints in object storage: files first, the manifest last; a resume takes the newest that is whole and of the same settings."""

import hashlib
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright_api import names
from tunewright_api.manifest import Manifest, canonical_digest
from tunewright_api.status import Checkpoint
from tunewright_trainer.context import StepContext
from tunewright_trainer.shell import folders
from tunewright_trainer.shell.errors import ObjectMissing, ResumeRefused, TornContent
from tunewright_trainer.shell.folders import MANIFEST, canonical_json

logger = logging.getLogger(__name__)

SETTINGS = "settings"
NEEDED_FILES = ("trainer_state.json", "optimizer.pt", "scheduler.pt", "rng_state.pth")
"""The trainer resumes without an error when optimizer, scheduler or random state are missing, and then trains something else."""
WEIGHTS = re.compile(r"(adapter_)?model(-\d+-of-\d+)?\.safetensors")
_PLACE = re.compile(r"/checkpoint-(\d+)/manifest\.json$")


def settings_digest(values: dict[str, Any]) -> str:
    """Digest of everything that a resume must not change."""
    return "sha256:" + hashlib.sha256(canonical_json(values)).hexdigest()


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one step of one run, over all its attempts."""

    context: StepContext
    settings: str
    """Digest of the settings; checkpoints of other settings are not resumed from."""

    def upload(self, folder: Path, global_step: int) -> Checkpoint:
        """Upload one checkpoint under this attempt's own prefix."""
        uri = f"{self.context.attempt_uri}/checkpoint-{global_step}"
        entries = [entry for entry in folders.file_entries(folder) if entry.path != "training_args.bin"]
        folders.upload_files(self.context.store, folder, uri, entries)
        manifest = Manifest(
            kind="Checkpoint",
            run_id=self.context.config.run_id,
            step=self.context.config.step,
            attempt=self.context.config.attempt,
            prefix=uri,
            files=entries,
            digest=canonical_digest((entry.path, entry.sha256) for entry in entries),
            inputs={SETTINGS: self.settings},
            global_step=global_step,
            created_at=folders.now(),
        )
        self.context.store.write(f"{uri}/{MANIFEST}", folders.manifest_bytes(manifest))
        return Checkpoint(step=self.context.config.step, global_step=global_step, uri=uri, digest=manifest.digest)

    def newest_valid(self, folder: Path) -> tuple[Path, Checkpoint] | None:
        """Download the newest checkpoint that is whole; torn and foreign ones are passed over with a line in the log."""
        for step, uri in self._candidates():
            target = folder / f"checkpoint-{step}"
            try:
                manifest = self._accepted(uri)
                if manifest is None:
                    continue
                folders.download_files(self.context.store, manifest, target)
            except (TornContent, ObjectMissing) as error:
                logger.warning("A checkpoint is not whole and is passed over", extra={"uri": uri, "reason": str(error)})
                continue
            return target, Checkpoint(
                step=self.context.config.step, global_step=step, uri=manifest.prefix, digest=manifest.digest
            )
        return None

    def named(self, folder: Path) -> tuple[Path, Checkpoint] | None:
        """Download the checkpoint that spec.resumeFrom names, if it is of this step. It was asked for: nothing is passed over in silence."""
        uri = self.context.config.resume_uri
        if uri is None:
            return None
        place = names.checkpoint_place(uri)
        if place is None or not self.context.config.is_own_run(place.run_uri):
            raise ResumeRefused(f"spec.resumeFrom: {uri} is no checkpoint of this job")
        try:
            manifest = self._accepted(f"{uri}/{MANIFEST}")
            if manifest is None:
                raise ResumeRefused(
                    f"spec.resumeFrom: {uri} was made with other settings: model, data, stage, tuning, seed and kind of device must be the same"
                )
            if manifest.prefix != uri:
                raise TornContent("its manifest is of another folder")
            target = folder / f"checkpoint-{manifest.global_step}"
            folders.download_files(self.context.store, manifest, target)
        except ObjectMissing as error:
            raise ResumeRefused(f"spec.resumeFrom: there is no checkpoint at {uri}") from error
        except TornContent as error:
            raise ResumeRefused(f"spec.resumeFrom: the checkpoint at {uri} is not whole: {error}") from error
        return target, Checkpoint(
            step=self.context.config.step,
            global_step=manifest.global_step or 0,
            uri=manifest.prefix,
            digest=manifest.digest,
        )

    def _candidates(self) -> list[tuple[int, str]]:
        root = f"{self.context.config.run_uri}/{self.context.config.step}"
        found = [
            (int(match[1]), item.uri)
            for item in self.context.store.list_objects(root)
            if (match := _PLACE.search(item.uri))
        ]
        return sorted(found, reverse=True)

    def _accepted(self, uri: str) -> Manifest | None:
        manifest = folders.read_manifest(self.context.store, uri)
        paths = {entry.path for entry in manifest.files}
        missing = [name for name in NEEDED_FILES if name not in paths]
        if not any(WEIGHTS.fullmatch(path) for path in paths):
            missing.append("weights")
        if manifest.inputs.get(SETTINGS) != self.settings:
            logger.warning("A checkpoint of other settings is passed over", extra={"uri": uri})
            return None
        if missing:
            raise TornContent(f"it has no {', '.join(missing)}")
        return manifest
