"""Peak memory of training, in bytes. Pure.

weights     each linear parameter at its precision, embeddings and head in bf16, experts in bf16 whatever is asked for
trained     16 bytes for each trained parameter: float32 weight, gradient and Adam's two moments
activations one checkpoint a layer, and one layer in full while it is computed anew
head        a fused head keeps no logits: about 1 GiB of scratch; other trainers keep them, 12 bytes a token and word
libraries   CUDA's context, cuBLAS and the allocator's own
"""

from dataclasses import dataclass

from tunewright_api.tuning import Quantization
from tunewright_trainer.prepare.model_shape import ModelShape

GIB = 2**30
BYTES_PER_PARAMETER = {
    Quantization.NONE: 2.0,
    # Four bits, and with double quantisation 0.127 bits of scales.
    Quantization.NF4: 0.5159,
    Quantization.INT8: 1.0,
}
BF16_BYTES = 2
FLOAT32_BYTES = 4
TRAINED_BYTES = 16
FUSED_HEAD_BYTES = GIB
LOGIT_BYTES = 12
LIBRARY_BYTES = 3 * GIB // 2
ACTIVATIONS_WITHOUT_CHECKPOINTS = 34
"""Bytes for each token, layer and unit of width."""


@dataclass(frozen=True)
class Load:
    """What is trained of a model, and how."""

    shape: ModelShape
    quantization: Quantization
    trained_parameters: int
    full: bool = False
    """The model's own weights are trained, not an adapter beside them."""
    fused_head: bool = True
    """TRL's trainers for SFT, DPO and their like never hold all logits at once."""
    checkpointing: bool = True
    """Activations are computed anew in the backward pass."""
    models_beside: int = 0
    """Frozen models of the same size: the reference of full training, scorers."""

    @property
    def weights(self) -> float:
        """Of what stays as it is; trained weights count there."""
        shape = self.shape
        in_bf16 = shape.embedding_parameters + shape.other_parameters + shape.expert_parameters
        if self.full:
            return float(self.models_beside * shape.parameters * FLOAT32_BYTES)
        one = shape.linear_parameters * BYTES_PER_PARAMETER[self.quantization] + in_bf16 * BF16_BYTES
        return one * (1 + self.models_beside)

    @property
    def least(self) -> int:
        """What no batch size and no row length can lower."""
        return int(self.weights + self.trained_parameters * TRAINED_BYTES) + LIBRARY_BYTES

    def peak(self, tokens: int) -> int:
        """With so many tokens in memory at once, padding and rejected answers counted."""
        head = FUSED_HEAD_BYTES if self.fused_head else tokens * self.shape.vocabulary * LOGIT_BYTES
        return self.least + tokens * self._activations() + head

    @property
    def evaluation(self) -> int:
        """To generate and score with the base model in bf16, its adapter beside it."""
        weights = (self.shape.parameters + self.trained_parameters) * BF16_BYTES
        return weights + FUSED_HEAD_BYTES + LIBRARY_BYTES

    def _activations(self) -> int:
        """Bytes for each token."""
        shape = self.shape
        if not self.checkpointing:
            return ACTIVATIONS_WITHOUT_CHECKPOINTS * shape.hidden * shape.layers
        one_layer = 5 * shape.hidden + 2 * shape.key_width + 4 * shape.feed_forward
        return BF16_BYTES * shape.layers * shape.hidden + 2 * BF16_BYTES * one_layer
