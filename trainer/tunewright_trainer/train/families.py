"""Which modules of each family get an adapter: all linear projections of attention and MLP, never embeddings, heads or routers."""

from tunewright_trainer.shell.errors import InvalidSpec

SPLIT_PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
FUSED_PROJECTIONS = ("qkv_proj", "o_proj", "gate_up_proj", "down_proj")

TARGET_MODULES: dict[str, tuple[str, ...]] = {
    "llama": SPLIT_PROJECTIONS,
    "mistral": SPLIT_PROJECTIONS,
    "qwen2": SPLIT_PROJECTIONS,
    "qwen3": SPLIT_PROJECTIONS,
    "gemma": SPLIT_PROJECTIONS,
    "gemma2": SPLIT_PROJECTIONS,
    "gemma3_text": SPLIT_PROJECTIONS,
    "smollm3": SPLIT_PROJECTIONS,
    "phi3": FUSED_PROJECTIONS,
}


def target_modules(model_type: str, given: list[str] | None) -> list[str]:
    """The given names, or the family's; a family that is not in the table has to be given them."""
    if given:
        return sorted(given)
    if model_type not in TARGET_MODULES:
        raise InvalidSpec(
            f"spec.tuning.targetModules: there is no default for models of type '{model_type}'; name the linear modules that get an adapter"
        )
    return sorted(TARGET_MODULES[model_type])
