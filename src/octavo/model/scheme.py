"""How the weights of a model are stored."""

from __future__ import annotations

import enum


class Scheme(enum.StrEnum):
    """How the weights of products and the embeddings are stored.

    ``none``: floating point. ``int8-dynamic``: int8 with one float32 scale per output channel
    (embeddings: per row); activations are quantized per token at run time. ``int8``: a
    ``octavo.model.plan.QuantizationPlan`` says which products are int8 and how their inputs are quantized.
    ``integer``: an Integer Transformer whose tensors are all integers; its few scales are
    ``octavo.model.integer_format.IntegerScales``.
    """

    NONE = "none"
    INT8_DYNAMIC = "int8-dynamic"
    INT8 = "int8"
    INTEGER = "integer"
