"""What was trained, as files in one canonical form: equal weights and settings have equal bytes and an equal digest.

An adapter is adapter_model.safetensors and adapter_config.json, as PEFT reads them; a model that was trained whole is its weights in
bf16 and config.json, as transformers reads them. Both lie in a folder called adapter."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from tunewright_api.manifest import canonical_digest
from tunewright_trainer.shell.errors import TornContent
from tunewright_trainer.shell.folders import canonical_json, sha256_of

ADAPTER = "adapter"
WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
MODEL_CONFIG = "config.json"
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
    "num_virtual_tokens",
    "num_transformer_submodules",
    "num_attention_heads",
    "num_layers",
    "token_dim",
    "encoder_hidden_size",
    "prefix_projection",
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
    kept = {key: config[key] for key in KEPT_FIELDS if config.get(key) is not None}
    if "target_modules" in kept:
        kept["target_modules"] = sorted(kept["target_modules"])
    return {**kept, "base_model_name_or_path": base_model, "inference_mode": True}


def save_trained(model: Any, folder: Path, base_model: str) -> str:
    """Write what was trained (not DPO's frozen copy `ref`) to `folder`; returns its digest. A whole model is cast to bf16 in place: training has ended."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(model, PeftModel):
        _save_adapter(model, folder, base_model)
    else:
        model.to(torch.bfloat16).save_pretrained(folder)
    return trained_digest(folder)


def _save_adapter(model: Any, folder: Path, base_model: str) -> None:
    tensors = {
        name: tensor.detach().to("cpu", torch.float32).contiguous()
        for name, tensor in get_peft_model_state_dict(model, adapter_name="default").items()
    }
    peft_config = model.peft_config["default"].to_dict()
    for key in ("target_modules", "modules_to_save"):
        if peft_config.get(key) is not None:
            peft_config[key] = list(peft_config[key])
    plain = json.loads(json.dumps(peft_config, default=str))
    save_file(dict(sorted(tensors.items())), folder / WEIGHTS, metadata={"format": "pt"})
    (folder / CONFIG).write_bytes(canonical_json(canonical_config(plain, base_model)))


def trained_digest(folder: Path) -> str:
    """Digest of an adapter's or a model's folder, over what loaders read: every tensor, whichever file it lies in, and the config."""
    config = CONFIG if (folder / CONFIG).is_file() else MODEL_CONFIG
    if not (folder / config).is_file():
        raise TornContent(f"there is neither {CONFIG} nor {MODEL_CONFIG} among what was trained")
    return canonical_digest([("weights", tensors_digest(read_tensors(folder))), (config, sha256_of(folder / config))])


def read_tensors(folder: Path) -> dict[str, torch.Tensor]:
    """The trained weights; a file that cannot be read was torn on its way."""
    tensors: dict[str, torch.Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            tensors |= load_file(path)
        except Exception as error:
            raise TornContent(f"{path.name} of what was trained cannot be read") from error
    return tensors
