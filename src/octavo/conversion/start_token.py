"""The token that the decoder starts from, as MarianMTModel and CTranslate2 want it."""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from octavo.conversion.errors import ConversionError
from octavo.conversion.tensor_source import Array
from octavo.model.config import ModelConfig

PAD: Final = "<pad>"

NEVER: Final = -30_000.0
"""A logit whose probability is 0, and which float16 can hold."""


@dataclasses.dataclass(frozen=True, slots=True)
class StartToken:
    """The decoder's first token as it is exported: its ``id`` and ``name``.

    Marian has no such token: its decoder starts from a zero embedding. Transformers appends one, PAD, to the
    vocabulary, with zero weights, and CTranslate2 takes it away again. Where our model has another, PAD is
    appended and the ``embedding`` of ours [d_model] goes into the decoder's position 0, which only
    the first token has. The appended token has probability 0.
    """

    id: int
    name: str
    embedding: Array | None = None

    @property
    def appended(self) -> bool:
        """Whether it is no token of ours."""
        return self.embedding is not None

    def size(self, tokens: int) -> int:
        """Tokens of the exported vocabulary."""
        return self.id + 1 if self.appended else tokens

    def added_ids(self) -> range:
        """Appended tokens that must never be generated."""
        return range(self.id, self.id + 1 if self.appended else self.id)

    def with_row(self, matrix: Array) -> Array:
        """Rows of tokens [tokens, d_model] with one for each token of the exported vocabulary."""
        return np.pad(matrix, ((0, self.size(len(matrix)) - len(matrix)), (0, 0)))

    def with_bias(self, bias: Array) -> Array:
        """The output's biases [tokens], so that what is appended is never generated."""
        return np.pad(bias, (0, self.size(len(bias)) - len(bias)), constant_values=NEVER)

    def in_positions(self, positions: Array, config: ModelConfig) -> Array:
        """The decoder's positions [positions, d_model]; the first holds the start token's embedding too."""
        if self.embedding is None:
            return positions
        moved = positions.copy()
        scale = math.sqrt(config.d_model) if config.scale_embeddings else 1.0
        moved[0] = (self.embedding.astype(np.float64) * scale + positions[0]).astype(np.float32)
        return moved

    def vocabulary(self, names: Sequence[str]) -> dict[str, int]:
        """vocab.json: the id of each of our tokens by its name, and of an appended one."""
        found = {name: token for token, name in enumerate(names)}
        if self.appended:
            ours = found.pop(self.name, None)
            if ours is not None:  # ours is never cut out of text, so any name does
                found[f"<pad-{ours}>"] = ours
            found[self.name] = self.id
        if len(found) != len(names) + self.appended:
            counts = collections.Counter(names)
            twice = next((name for name, count in counts.items() if count > 1), self.name)
            raise ConversionError(
                f"two tokens of the vocabulary have the name {twice!r}, and vocab.json can hold only one; "
                "`octavo export --to ctranslate2` can write them"
            )
        return found
