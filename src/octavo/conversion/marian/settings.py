"""What ``special:model.yml`` says of a Transformer of Marian, and decoder.yml of its search.

Source of the names and their defaults: marian-dev, src/models/transformer.h and src/common/config_parser.cpp.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from reprlib import repr as short
from typing import Final

from octavo.conversion.errors import ConversionError
from octavo.conversion.marian.yaml import Value
from octavo.model.config import Activation, Mixer, NormPlacement

LAYER_NORM_EPSILON: Final = 1e-6

_TRUE: Final = ("true", "yes", "on")
_OTHER_TYPES: Final = "is not read: octavo converts Marian's `transformer`"

# A setting, its value in a model that is read, and why another is not.
_ONLY: Final[tuple[tuple[str, tuple[str, ...], str], ...]] = (
    ("transformer-ffn-depth", ("2",), "a feed-forward network of Octavo has two products"),
    ("transformer-decoder-ffn-depth", ("0", "2"), "a feed-forward network of Octavo has two products"),
    ("transformer-rnn-projection", ("false",), "an SSRU of Octavo has no projection behind it"),
    ("transformer-no-projection", ("false",), "attention of Octavo has a projection behind it"),
    ("transformer-tied-layers", ("",), "layers of Octavo do not share weights"),
    ("transformer-attention-mask", ("default",), "Octavo has no other masks of attention"),
    ("transformer-alibi-shift", ("false",), "Octavo has no ALiBi"),
    ("transformer-alibi-trainable", ("false",), "Octavo has no ALiBi"),
    ("transformer-pool", ("false",), "Octavo has no pooled attention"),
    ("lemma-dim-emb", ("0",), "Octavo has no factored vocabularies"),
    ("factors-dim-emb", ("0",), "Octavo has no factored vocabularies"),
    ("ulr", ("false",), "Octavo has no universal lexical representations"),
    ("input-types", ("",), "a model of Octavo reads one text"),
    ("right-left", ("false",), "Octavo writes translations from left to right"),
)

GELU_SINCE: Final = (1, 12, 1)
"""Older versions compute x sigmoid(1.702 x) under that name (marian-dev, CHANGELOG.md)."""


class Settings:
    """Settings by name; ``where`` says in errors where they stand."""

    def __init__(self, values: Mapping[str, Value], where: str) -> None:
        self._values = values
        self.where = where

    def text(self, key: str, default: str = "") -> str:
        """A setting as it is written; a list of one entry counts as that."""
        value = self._values.get(key, default)
        if isinstance(value, list):
            if len(value) > 1:
                raise self.error(f"{key} has {len(value)} values, not one")
            return value[0] if value else ""
        return value

    def flag(self, key: str) -> bool:
        """Whether a setting is there and true."""
        return self.text(key, "false").lower() in _TRUE

    def number(self, key: str, default: float) -> float:
        """A number; ``true`` counts as 1, ``false`` as 0."""
        text = self.text(key, str(default))
        try:
            return float({"true": "1", "false": "0"}.get(text, text))
        except ValueError as error:
            raise self.error(f"{key} = {short(text)}: expected a number") from error

    def count(self, key: str) -> int:
        """A positive whole number that must be there."""
        text = self.text(key)
        if not re.fullmatch("[1-9][0-9]{0,8}", text):
            raise self.error(f"{key} = {short(text)}: expected a positive integer")
        return int(text)

    def error(self, reason: str) -> ConversionError:
        """An error that names the file."""
        return ConversionError(f"{self.where}: {reason}")

    def check_is_read(self) -> None:
        """Raise ConversionError for a network that Octavo does not have."""
        kind = self.text("type")
        if kind != "transformer":
            known = {
                "s2s": "a recurrent network",
                "amun": "a recurrent network",
                "nematus": "a recurrent network",
                "char-s2s": "a recurrent network over characters",
            }
            what = f" ({known[kind]})" if kind in known else ""
            raise self.error(f"type = {short(kind)}{what} {_OTHER_TYPES}")
        for key, read, reason in _ONLY:
            value = self.text(key, read[0])
            if value not in read:
                raise self.error(f"{key} = {short(value)} is not read: {reason}")
        wide = self.text("transformer-decoder-dim-ffn", "0")
        if wide not in ("0", self.text("transformer-dim-ffn")):
            raise self.error(
                f"transformer-decoder-dim-ffn = {short(wide)}: in Octavo's models both stacks are alike"
            )

    def mixer(self) -> Mixer:
        """What the decoder's layers begin with."""
        kind = self.text("transformer-decoder-autoreg", "self-attention")
        if kind == "self-attention":
            return Mixer.ATTENTION
        if kind == "rnn" and self.text("dec-cell") == "ssru" and not self.flag("layer-normalization"):
            return Mixer.SSRU
        if kind == "average-attention":
            raise self.error(
                f"transformer-decoder-autoreg = {short(kind)} is not read: Octavo has no such network"
            )
        cell = self.text("dec-cell")
        raise self.error(
            f"transformer-decoder-autoreg = {short(kind)} with dec-cell = {short(cell)} is not read: the "
            "recurrent unit that Octavo has is ssru without layer-normalization"
        )

    def norm(self) -> NormPlacement:
        """Where the layer norms are. d (dropout) does nothing in a translation."""
        before, after, top = (
            self.text(f"transformer-{key}", default).replace("d", "")
            for key, default in (("preprocess", ""), ("postprocess", "dan"), ("postprocess-top", ""))
        )
        placements = {("", "an", ""): NormPlacement.POST, ("n", "a", "n"): NormPlacement.PRE}
        if (before, after, top) not in placements:
            raise self.error(
                f"transformer-preprocess {short(before)}, -postprocess {short(after)} and -postprocess-top "
                f"{short(top)} are not read; Octavo has layer norms after the sublayers ('', 'an', ''), or "
                "before them and at the end ('n', 'a', 'n')"
            )
        return placements[before, after, top]

    def has_embedding_norm(self) -> bool:
        """Whether a layer norm follows the embeddings."""
        operations = self.text("transformer-postprocess-emb", "d").replace("d", "")
        if operations not in ("", "n"):
            raise self.error(f"transformer-postprocess-emb = {short(operations)} is not read; '' and 'n' are")
        return operations == "n"

    def guided_layer(self, layers: int) -> int:
        """The decoder's layer, from 0, whose first head guided alignment trains."""
        name = self.text("transformer-guided-alignment-layer", "last")
        if name == "last":
            return layers - 1
        layer = self.count("transformer-guided-alignment-layer")
        if layer > layers:
            raise self.error(f"transformer-guided-alignment-layer = {layer}: the decoder has {layers} layers")
        return layer - 1

    def activation(self) -> Activation:
        """The activation of the feed-forward networks."""
        name = self.text("transformer-ffn-activation", "swish")
        known = {"relu": Activation.RELU, "swish": Activation.SILU, "gelu": Activation.GELU}
        if name not in known:
            raise self.error(
                f"transformer-ffn-activation = {short(name)} is not read; {', '.join(known)} are"
            )
        version = re.match(r"v(\d{1,4})\.(\d{1,4})\.(\d{1,4})", self.text("version"))
        if name == "gelu" and not (version and tuple(map(int, version.groups())) >= GELU_SINCE):
            raise self.error(
                f"gelu of version {short(self.text('version'))} is not read: before v1.12.1 it was "
                "x sigmoid(1.702 x), which Octavo does not have"
            )
        return known[name]
