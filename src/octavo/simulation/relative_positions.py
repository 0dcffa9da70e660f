"""Biases of relative positions, as docs/numerics.md writes them."""

from __future__ import annotations

import math

import numpy as np

from octavo.model.config import ModelConfig
from octavo.quantization.arrays import Float32Array


def bucket(config: ModelConfig, relative: int, *, bidirectional: bool) -> int:
    """The row of a stack's ``relative_bias`` for a key ``relative`` positions after its query."""
    n = config.relative_buckets // 2 if bidirectional else config.relative_buckets
    first = n if bidirectional and relative > 0 else 0
    distance = abs(relative) if bidirectional else max(-relative, 0)
    near = n // 2
    if distance < near:
        return first + distance
    logarithm = np.float32(math.log(np.float32(distance / near)))
    whole = np.float32(math.log(np.float32(config.relative_distance / near)))
    z = np.float32(np.float32(logarithm / whole) * np.float32(n - near))
    return first + min(near + int(z), n - 1)


def relative_bias(
    config: ModelConfig, table: Float32Array, queries: int, *, bidirectional: bool
) -> Float32Array:
    """What is added to the scores of ``queries`` positions that see one another: [heads, queries, keys].

    ``table`` [buckets, heads] is a stack's ``relative_bias``.
    """
    rows = [
        [bucket(config, key - query, bidirectional=bidirectional) for key in range(queries)]
        for query in range(queries)
    ]
    return table[rows].transpose(2, 0, 1)
