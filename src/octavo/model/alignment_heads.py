"""Which heads of the cross-attention align target tokens with source tokens."""

from __future__ import annotations

import dataclasses
import reprlib
from collections.abc import Mapping
from typing import Any, TypeAlias

from octavo.model.config import ModelConfig
from octavo.model.errors import SpecError
from octavo.model.limits import MAX_ALIGNMENT_HEADS

AttentionHead: TypeAlias = tuple[int, int]
"""A head of the decoder's cross-attention: its layer, and which of the layer's heads it is; from 0."""


@dataclasses.dataclass(frozen=True, slots=True)
class AlignmentHeads:
    """The heads of the cross-attention that together align target tokens with source tokens, in ascending
    order. docs/numerics.md, "Alignments", says how. Raises SpecError, as the other methods do."""

    heads: tuple[AttentionHead, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.heads) <= MAX_ALIGNMENT_HEADS:
            raise SpecError(f"alignment: {len(self.heads)} heads: must be from 1 to {MAX_ALIGNMENT_HEADS}")
        if list(self.heads) != sorted(set(self.heads)):
            raise SpecError("alignment: heads must be in ascending order, each of them once")

    def check(self, config: ModelConfig) -> None:
        """Check that the model has these heads."""
        if config.is_language_model:
            raise SpecError("alignment: a language model has none; it has no source to align with")
        for layer, head in self.heads:
            for name, number, count in (
                ("layer", layer, config.decoder_layers),
                ("head", head, config.attention_heads),
            ):
                if not 0 <= number < count:
                    raise SpecError(f"alignment: {name} {number}: must be from 0 to {count - 1}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {"heads": [list(head) for head in self.heads]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> AlignmentHeads:
        """Inverse of ``to_dict``."""
        if set(values) != {"heads"} or not isinstance(values["heads"], list):
            raise SpecError('alignment: expected {"heads": [[layer, head], ...]}')
        found = []
        for pair in values["heads"]:
            if not (isinstance(pair, list) and len(pair) == 2 and all(type(n) is int for n in pair)):
                raise SpecError(f"alignment: {reprlib.repr(pair)}: expected [layer, head]")
            found.append((pair[0], pair[1]))
        return cls(tuple(found))
