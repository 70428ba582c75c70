"""The dimensions of a base model, from its config.json and, where they are at hand, the shapes of its tensors. Pure."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ALIASES = {
    "hidden_size": ("hidden_size", "n_embd", "d_model"),
    "num_hidden_layers": ("num_hidden_layers", "n_layer", "num_layers"),
    "num_attention_heads": ("num_attention_heads", "n_head", "num_heads"),
    "vocab_size": ("vocab_size",),
}
EXPERT_COUNTS = ("num_local_experts", "num_experts", "n_routed_experts")
EXPERT = re.compile(r"\.experts\.")
IN_A_LAYER = re.compile(r"\.\d+\.")
EMBEDDING = re.compile(r"(^|\.)(embed_tokens|wte|word_embeddings|embed_in)\.weight$")
HEAD = re.compile(r"(^|\.)(lm_head|embed_out)\.weight$")

Shapes = Mapping[str, Sequence[int]]
"""Shape of each tensor, by name."""


class ShapeUnknown(ValueError):
    """config.json does not say what an estimate needs."""


@dataclass(frozen=True)
class Linear:
    """All linear modules of one name and size."""

    name: str
    inputs: int
    outputs: int
    count: int
    expert: bool = False
    """Part of a mixture of experts: bitsandbytes quantises none of them, and a token passes only some."""

    @property
    def parameters(self) -> int:
        """Of all of them together."""
        return self.inputs * self.outputs * self.count

    def adapter_parameters(self, rank: int) -> int:
        """Of a LoRA adapter beside each of them."""
        return rank * (self.inputs + self.outputs) * self.count


@dataclass(frozen=True)
class ModelShape:
    """What memory and time depend on."""

    layers: int
    hidden: int
    query_width: int
    """Heads times their size."""
    key_width: int
    """Key and value heads times their size."""
    feed_forward: int
    """Width of the MLP that a token passes, all of its experts together."""
    vocabulary: int
    linears: tuple[Linear, ...]
    embedding_parameters: int
    """Embeddings, and the head where it is not the same matrix."""
    other_parameters: int = 0
    """Norms and biases."""
    active_share: float = 1.0
    """Share of the experts that a token passes."""
    context_length: int = 4096
    """Longest sequence that the model was made for."""
    exact: bool = False
    """Counted from the weights' own headers, not derived from config.json."""

    @property
    def linear_parameters(self) -> int:
        """Of all linear modules that can be quantised."""
        return sum(linear.parameters for linear in self.linears if not linear.expert)

    @property
    def expert_parameters(self) -> int:
        """Of all experts."""
        return sum(linear.parameters for linear in self.linears if linear.expert)

    @property
    def parameters(self) -> int:
        """Of the whole model."""
        return self.linear_parameters + self.expert_parameters + self.embedding_parameters + self.other_parameters

    @property
    def active_parameters(self) -> float:
        """Linear parameters that one token passes."""
        return self.linear_parameters + self.expert_parameters * self.active_share

    def adapter_parameters(self, modules: Sequence[str], rank: int) -> int:
        """Of a LoRA adapter on the modules of these names."""
        return sum(linear.adapter_parameters(rank) for linear in self.linears if linear.name in modules)


def shape_of(config: Mapping[str, Any], tensors: Shapes | None = None) -> ModelShape:
    """The dimensions. Raises ShapeUnknown, with the name of what is missing."""
    config = config.get("text_config") or config
    hidden, layers, heads, vocabulary = (_number(config, name) for name in ALIASES)
    head_size = config.get("head_dim") or hidden // heads
    experts = next((int(config[name]) for name in EXPERT_COUNTS if config.get(name)), 0)
    chosen = int(config.get("num_experts_per_tok") or 1) if experts else 1
    width = _feed_forward(config, hidden, bool(experts))
    sizes = _Sizes(hidden, heads * head_size, (config.get("num_key_value_heads") or heads) * head_size, width)
    linears = _counted(tensors) if tensors else _derived(sizes, layers, experts)
    # Families differ in what they mean by saying nothing; two matrices are the larger estimate.
    tied = bool(config.get("tie_word_embeddings", False))
    embedding = _matching(tensors, EMBEDDING, HEAD) if tensors else vocabulary * hidden * (1 if tied else 2)
    known = sum(linear.parameters for linear in linears) + embedding
    return ModelShape(
        layers=layers,
        hidden=hidden,
        query_width=sizes.query,
        key_width=sizes.key,
        feed_forward=width * chosen,
        vocabulary=vocabulary,
        linears=linears,
        embedding_parameters=embedding,
        other_parameters=sum(map(math.prod, tensors.values())) - known if tensors else 2 * layers * hidden + hidden,
        active_share=chosen / experts if experts else 1.0,
        context_length=int(config.get("max_position_embeddings") or 4096),
        exact=bool(tensors),
    )


@dataclass(frozen=True)
class _Sizes:
    hidden: int
    query: int
    key: int
    width: int


def _number(config: Mapping[str, Any], name: str) -> int:
    found = next((config[alias] for alias in ALIASES[name] if isinstance(config.get(alias), int)), 0)
    if found <= 0:
        raise ShapeUnknown(f"config.json does not say {name}")
    return int(found)


def _feed_forward(config: Mapping[str, Any], hidden: int, experts: bool) -> int:
    names = (*(("moe_intermediate_size",) if experts else ()), "intermediate_size", "n_inner", "ffn_dim")
    return next((int(config[name]) for name in names if config.get(name)), 4 * hidden)


def _derived(sizes: _Sizes, layers: int, experts: int) -> tuple[Linear, ...]:
    """The projections of a Llama-like layer: what almost every family has, whatever it calls them."""
    each = layers * (experts or 1)
    return (
        Linear("q_proj", sizes.hidden, sizes.query, layers),
        Linear("k_proj", sizes.hidden, sizes.key, layers),
        Linear("v_proj", sizes.hidden, sizes.key, layers),
        Linear("o_proj", sizes.query, sizes.hidden, layers),
        Linear("gate_proj", sizes.hidden, sizes.width, each, bool(experts)),
        Linear("up_proj", sizes.hidden, sizes.width, each, bool(experts)),
        Linear("down_proj", sizes.width, sizes.hidden, each, bool(experts)),
    )


def _counted(tensors: Shapes) -> tuple[Linear, ...]:
    """Matrices of the layers, alike ones together. Experts lie one by one, or as one tensor of three dimensions."""
    found: Counter[tuple[str, int, int, bool]] = Counter()
    for name, shape in tensors.items():
        if len(shape) not in (2, 3) or not IN_A_LAYER.search(name):
            continue
        module = name.removesuffix(".weight").rpartition(".")[2]
        expert = len(shape) == 3 or EXPERT.search(name) is not None
        found[module, int(shape[-1]), int(shape[-2]), expert] += int(shape[0]) if len(shape) == 3 else 1
    return tuple(
        Linear(name, inputs, outputs, count, expert) for (name, inputs, outputs, expert), count in sorted(found.items())
    )


def _matching(tensors: Shapes, *patterns: re.Pattern[str]) -> int:
    return sum(math.prod(shape) for name, shape in tensors.items() if any(pattern.search(name) for pattern in patterns))
