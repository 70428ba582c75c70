"""A model folder of which only the descriptions are real: config.json and headers of weights that hold nothing but zeros."""

import json
import math
from pathlib import Path
from typing import Any

TINY: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 128, "vocab_size": 400, "max_position_embeddings": 256, "tie_word_embeddings": True,
}  # fmt: skip


def llama_tensors(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a Llama's weights."""
    hidden, width = config["hidden_size"], config["intermediate_size"]
    keys = hidden // config["num_attention_heads"] * config["num_key_value_heads"]
    modules = {
        "self_attn.q_proj": (hidden, hidden), "self_attn.k_proj": (keys, hidden), "self_attn.v_proj": (keys, hidden),
        "self_attn.o_proj": (hidden, hidden), "mlp.gate_proj": (width, hidden), "mlp.up_proj": (width, hidden),
        "mlp.down_proj": (hidden, width), "input_layernorm": (hidden,), "post_attention_layernorm": (hidden,),
    }  # fmt: skip
    layers = range(config["num_hidden_layers"])
    found: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (config["vocab_size"], hidden)}
    found |= {f"model.layers.{layer}.{name}.weight": shape for layer in layers for name, shape in modules.items()}
    return {**found, "model.norm.weight": (hidden,)}


def write_model(folder: Path, config: dict[str, Any] | None = None) -> Path:
    """All that a look at a model before a GPU is asked for reads."""
    config = config or TINY
    folder.mkdir(parents=True, exist_ok=True)
    header, end = {}, 0
    for name, shape in llama_tensors(config).items():
        begin, end = end, end + 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(end))
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    return folder
