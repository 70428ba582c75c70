"""An adapter as files, in one canonical form: equal weights and settings have equal bytes and an equal digest."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from tunewright_api.manifest import canonical_digest
from tunewright_trainer.shell.errors import TornContent
from tunewright_trainer.shell.folders import canonical_json, sha256_of

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
KEPT_FIELDS = (
    "peft_type",
    "task_type",
    "r",
    "lora_alpha",
    "lora_dropout",
    "target_modules",
    "bias",
    "fan_in_fan_out",
    "init_lora_weights",
    "use_rslora",
    "use_dora",
    "modules_to_save",
    "rank_pattern",
    "alpha_pattern",
)


def tensors_digest(tensors: dict[str, torch.Tensor]) -> str:
    """Digest over name, type, shape and bytes of each tensor, in the order of the names."""
    return canonical_digest(
        (name, hashlib.sha256(f"{tensor.dtype} {tuple(tensor.shape)}\n".encode() + _bytes(tensor)).hexdigest())
        for name, tensor in tensors.items()
    )


def _bytes(tensor: torch.Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()


def canonical_config(config: dict[str, Any], base_model: str) -> dict[str, Any]:
    """The fields that loaders need. PEFT writes target_modules in random order and the path of a scratch folder as the base model."""
    kept = {key: config[key] for key in KEPT_FIELDS if key in config}
    return {
        **kept,
        "target_modules": sorted(kept["target_modules"]),
        "base_model_name_or_path": base_model,
        "inference_mode": True,
    }


def save_adapter(model: Any, folder: Path, base_model: str) -> str:
    """Write the trained adapter (not DPO's frozen copy `ref`) to `folder`; returns its digest."""
    tensors = {
        name: tensor.detach().to("cpu", torch.float32).contiguous()
        for name, tensor in get_peft_model_state_dict(model, adapter_name="default").items()
    }
    peft_config = model.peft_config["default"].to_dict()
    peft_config["target_modules"] = list(peft_config["target_modules"])
    plain = json.loads(json.dumps(peft_config, default=str))
    return write_adapter(tensors, canonical_config(plain, base_model), folder)


def write_adapter(tensors: dict[str, torch.Tensor], config: dict[str, Any], folder: Path) -> str:
    """Write weights and config; returns the digest of both."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(dict(sorted(tensors.items())), folder / WEIGHTS, metadata={"format": "pt"})
    (folder / CONFIG).write_bytes(canonical_json(config))
    return adapter_digest(folder)


def adapter_digest(folder: Path) -> str:
    """Digest of an adapter's folder, over what loaders read."""
    return canonical_digest([(WEIGHTS, tensors_digest(read_tensors(folder))), (CONFIG, sha256_of(folder / CONFIG))])


def read_tensors(folder: Path) -> dict[str, torch.Tensor]:
    """The adapter's weights; a file that cannot be read was torn on its way."""
    try:
        return load_file(folder / WEIGHTS)
    except Exception as error:
        raise TornContent(f"{WEIGHTS} of the adapter cannot be read") from error
