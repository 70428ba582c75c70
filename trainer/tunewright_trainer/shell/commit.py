"""A step's commit: one manifest, created once. Whoever loses the race takes the winner's result for its own."""

from tunewright_api import names
from tunewright_api.manifest import Manifest
from tunewright_api.run import RunConfig
from tunewright_trainer.shell.errors import BucketMissing, InvalidSpec, ObjectMissing, StepError, TornContent
from tunewright_trainer.shell.folders import manifest_bytes, read_manifest
from tunewright_trainer.shell.storage import ObjectStore


def find_commit(store: ObjectStore, config: RunConfig) -> Manifest | None:
    """The step's committed manifest, if an earlier attempt got that far."""
    try:
        return read_manifest(store, names.step_manifest(config.run_uri, config.step))
    except BucketMissing as error:
        raise InvalidSpec(f"spec.output.uri: {error}") from error
    except ObjectMissing:
        return None


def commit(store: ObjectStore, config: RunConfig, manifest: Manifest) -> Manifest:
    """Commit `manifest`, or return the one that was committed before it."""
    uri = names.step_manifest(config.run_uri, config.step)
    if store.write(uri, manifest_bytes(manifest), only_if_absent=True):
        return manifest
    try:
        return read_manifest(store, uri)
    except ObjectMissing as error:
        raise TornContent(f"the commit of step {config.step} was there and is gone: {error}") from error


def open_input(store: ObjectStore, config: RunConfig, step: str) -> Manifest:
    """The manifest of an earlier step, held against the digest that the operator recorded."""
    if step not in config.inputs:
        raise StepError(f"step {config.step} was started without the result of step {step}")
    expected = config.inputs[step]
    try:
        manifest = read_manifest(store, expected.manifest_uri)
    except ObjectMissing as error:
        raise TornContent(f"the result of step {step} is gone: {error}") from error
    if manifest.digest != expected.digest:
        raise TornContent(
            f"{expected.manifest_uri} has digest {manifest.digest}, but step {step} had reported {expected.digest}"
        )
    return manifest
