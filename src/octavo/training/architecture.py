"""The architecture in a recipe: the keys of ModelConfig that do not follow from the vocabulary."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated, Any, Final

import pydantic
from pydantic import Field

from octavo.model.config import DEFAULTS, ModelConfig
from octavo.model.fields import Between, marks_of, types_of
from octavo.model.limits import MAX_LAYERS
from octavo.training.section import FromToml, Positive, Section

FIXED_KEYS: Final = frozenset(
    {
        *("source_vocab_size", "target_vocab_size", "shared_embeddings", "source_eos", "suppressed_ids"),
        *("pad_id", "eos_id", "unk_id", "decoder_start_id", "position_offset", "layer_norm_epsilon"),
    }
)
"""Keys of ModelConfig that a recipe lacks: they follow from the vocabulary, or stay at their defaults."""


class _Architecture(Section):
    """Keys that a recipe has in another form than ModelConfig."""

    max_positions: Positive = 512


def _keys(*left_out: str) -> dict[str, Any]:
    """The keys of ModelConfig that a recipe has, as fields of a section: types, limits and defaults."""
    limits = marks_of(ModelConfig, Between)
    found = {}
    for key, kind in types_of(ModelConfig).items():
        if key in FIXED_KEYS or key in left_out:
            continue
        if key in limits:
            kind = Annotated[kind, Field(ge=limits[key].least, le=limits[key].most)]
        elif issubclass(kind, enum.StrEnum):
            kind = Annotated[kind, FromToml]
        found[key] = kind, DEFAULTS.get(key, ...)
    return found


_EncoderLayers = Annotated[int, Field(ge=1, le=MAX_LAYERS)]

if TYPE_CHECKING:

    class DecoderRecipe(_Architecture):
        """The architecture of a language model; keys as in octavo.model.config.ModelConfig."""

    class ModelRecipe(DecoderRecipe):
        """The architecture of a translation model."""

else:
    DecoderRecipe = pydantic.create_model(
        "DecoderRecipe", __base__=_Architecture, **_keys("encoder_layers", "max_positions")
    )
    ModelRecipe = pydantic.create_model(
        "ModelRecipe", __base__=DecoderRecipe, encoder_layers=(_EncoderLayers, ...)
    )
