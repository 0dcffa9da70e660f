"""The two Hugging Face architectures that hold our models, and what their tensors are called.

Both are Transformers with sinusoidal positions in halves. ``MarianMTModel`` has its layer norms after
each residual addition; ``PegasusForConditionalGeneration`` has them before each sublayer and one more at the
end of each stack, and shares its embeddings always.
"""

from __future__ import annotations

import enum
from typing import Final

from octavo.model.config import Activation, NormPlacement

SHARED_EMBEDDING: Final = "model.shared.weight"
ENCODER_EMBEDDING: Final = "model.encoder.embed_tokens.weight"
DECODER_EMBEDDING: Final = "model.decoder.embed_tokens.weight"
OUTPUT_WEIGHT: Final = "lm_head.weight"
OUTPUT_BIAS: Final = "final_logits_bias"

LAYER_NORM_EPSILON: Final = 1e-5


class Architecture(enum.StrEnum):
    """A class of Transformers, by its name in config.json."""

    MARIAN = "MarianMTModel"
    PEGASUS = "PegasusForConditionalGeneration"

    @property
    def model_type(self) -> str:
        """What config.json calls it beside its class."""
        return "marian" if self is Architecture.MARIAN else "pegasus"

    @property
    def norm(self) -> NormPlacement:
        """Where its layer norms are."""
        return NormPlacement.POST if self is Architecture.MARIAN else NormPlacement.PRE

    @classmethod
    def of(cls, norm: NormPlacement) -> Architecture:
        """The architecture with layer norms in that place."""
        return cls.MARIAN if norm is NormPlacement.POST else cls.PEGASUS


ACTIVATIONS: Final = {
    "relu": Activation.RELU,
    "gelu": Activation.GELU,
    "gelu_python": Activation.GELU,
    "silu": Activation.SILU,
    "swish": Activation.SILU,
}

ACTIVATION_NAMES: Final = {Activation.RELU: "relu", Activation.GELU: "gelu", Activation.SILU: "swish"}

_PARTS: Final = (
    ("self_attention.norm", "self_attn_layer_norm"),
    ("cross_attention.norm", "encoder_attn_layer_norm"),
    ("feed_forward.norm", "final_layer_norm"),
    ("self_attention.", "self_attn."),
    ("cross_attention.", "encoder_attn."),
    ("feed_forward.inner", "fc1"),
    ("feed_forward.outer", "fc2"),
    ("query", "q_proj"),
    ("key", "k_proj"),
    ("value", "v_proj"),
    (".output.", ".out_proj."),
    ("coder.norm", "coder.layer_norm"),
    ("positions", "embed_positions"),
    ("embedding_norm", "layernorm_embedding"),
)

_WHOLE: Final = {
    "encoder.embedding.weight": ENCODER_EMBEDDING,
    "decoder.embedding.weight": DECODER_EMBEDDING,
    "output.weight": OUTPUT_WEIGHT,
    "output.bias": OUTPUT_BIAS,
}


def their_name(name: str) -> str:
    """What a tensor of ``octavo.model`` is called there; an embedding as if it were not shared."""
    if name in _WHOLE:
        return _WHOLE[name]
    for ours, theirs in _PARTS:
        name = name.replace(ours, theirs)
    return f"model.{name}"
