"""What can serve the result, and how it has to be started. Pure."""

from tunewright_api.spec import Servable

VLLM_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Values that vLLM's --max-lora-rank can have; an adapter may have any rank up to it."""


def servable(what: Servable, rank: int) -> str:
    """What can load the result; for an adapter on vLLM with the option without which it is refused above rank 16."""
    if what is Servable.PEFT or not rank:
        return str(what)
    return f"vLLM --enable-lora --max-lora-rank {next(size for size in VLLM_RANKS if size >= rank)}"
