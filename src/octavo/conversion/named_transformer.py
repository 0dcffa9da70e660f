"""A Transformer whose tensors are our own under other names: its sizes are those of its tensors."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping
from typing import Any, Final

import numpy as np

from octavo.conversion.errors import ConversionError
from octavo.conversion.mapping import MappedTensors, Origin, same, zeros
from octavo.conversion.tensor_source import Array, TensorSource
from octavo.model.config import ModelConfig, Positions
from octavo.model.errors import SpecError
from octavo.model.limits import MAX_LAYERS
from octavo.model.scheme import Scheme
from octavo.model.tensor_table import tensors

_OF_LAYER: Final = re.compile(r"(encoder|decoder)\.layers\.(\d+)\.(.+)\.(\w+)")
_FUSED: Final = ("query", "key", "value")


@dataclasses.dataclass(frozen=True, slots=True)
class Naming:
    """How another program calls our tensors.

    ``whole``: its name of what a model has once, ``encoder.norm`` say, without ``.weight`` and ``.bias``.
    ``layers``: the name of a layer of each stack, with {} for its number. ``parts``: the name of a part in a
    layer, after the stack's name where the stacks differ. ``fused``: the beginning of the names of queries,
    keys and values one below the other, where some files have them; {} stands for the attention's name.
    """

    whole: Mapping[str, str]
    layers: Mapping[str, str]
    parts: Mapping[str, str]
    fused: str | None = None

    def theirs(self, name: str) -> str:
        """Their name of a tensor of ours."""
        match = _OF_LAYER.fullmatch(name)
        if match is None:
            part, _, kind = name.rpartition(".")
            return f"{self.whole[part]}.{kind}"
        side, layer, part, kind = match.groups()
        own = self.parts.get(f"{side}.{part}") or self.parts[part]
        return f"{self.layers[side].format(layer)}.{own}.{kind}"

    def fused_origin(self, name: str, rows: int) -> Origin | None:
        """Where a tensor of ours is in a fused one; None where it is not of queries, keys or values."""
        match = _OF_LAYER.fullmatch(name)
        attention, _, part = (match[3] if match else "").rpartition(".")
        if not match or self.fused is None or part not in _FUSED:
            return None
        number = _FUSED.index(part)
        theirs = self.fused.format(self.parts[attention])
        whole = same(f"{self.layers[match[1]].format(match[2])}.{theirs}{match[4]}")
        return whole.rows(number * rows, (number + 1) * rows)


def read_transformer(
    source: TensorSource, naming: Naming, *, unread: Collection[str] = (), **stated: Any
) -> tuple[ModelConfig, Mapping[str, Array]]:
    """The configuration and the tensors of a model.

    ``stated`` are the keys of ModelConfig that tensors do not show. ``unread``: names of tensors that are not
    needed. Biases that are not there are zeros. Raises ConversionError.
    """
    return _Reader(source, naming, set(unread)).model(stated)


class _Reader:
    def __init__(self, source: TensorSource, naming: Naming, unread: set[str]) -> None:
        self.source = source
        self.naming = naming
        self.names = source.names()
        self.unread = unread

    def model(self, stated: Mapping[str, Any]) -> tuple[ModelConfig, Mapping[str, Array]]:
        """The configuration and the tensors."""
        encoder, decoder, output = (
            self.naming.theirs(f"{part}.weight")
            for part in ("encoder.embedding", "decoder.embedding", "output")
        )
        shared = decoder not in self.names or self._same(encoder, decoder)
        target = encoder if decoder not in self.names else decoder
        sources, d_model = self._shape(encoder)
        gated = bool(stated.get("gated"))
        values: dict[str, Any] = {
            "d_model": d_model,
            "ffn_dim": self._shape_of("encoder.layers.0.feed_forward.outer.weight")[1],
            "encoder_layers": self._layers("encoder"),
            "decoder_layers": self._layers("decoder"),
            "attention_head_dim": self._head_dim(d_model, int(stated["attention_heads"])),
            "source_vocab_size": sources,
            "target_vocab_size": self._shape(target)[0],
            "shared_embeddings": shared,
            "tied_output": output not in self.names or self._same(output, target),
            "output_bias": self.naming.theirs("output.bias") in self.names,
            "gated": gated,
        }
        try:
            config = ModelConfig(**(values | dict(stated)))
        except SpecError as error:
            raise ConversionError(f"{self.source.path}: {error}") from error
        unread = {*self.unread, decoder, output, encoder}
        if config.positions is not Positions.LEARNED:
            unread |= {f"{self.naming.whole.get(f'{side}.positions')}.weight" for side in config.stacks}
        specs = tensors(config, Scheme.NONE)
        shapes = {spec.name: spec.shape for spec in specs}
        made = MappedTensors(
            self.source,
            specs,
            lambda name: self._origin(name, shapes[name]),
            unread=unread,
            implied_by="a Transformer of these sizes",
        )
        return config, made

    def _origin(self, name: str, shape: tuple[int, ...]) -> Origin:
        theirs = self.naming.theirs(name)
        if theirs in self.names:
            return same(theirs)
        fused = self.naming.fused_origin(name, shape[0])
        if fused and set(fused.reads) <= set(self.names):
            return fused
        return zeros(*shape) if name.endswith(".bias") and ".norm." not in name else same(theirs)

    def _layers(self, side: str) -> int:
        count = 0
        while (
            count <= MAX_LAYERS
            and self.naming.theirs(f"{side}.layers.{count}.feed_forward.outer.weight") in self.names
        ):
            count += 1
        return count

    def _head_dim(self, d_model: int, heads: int) -> int:
        width = self._shape_of("encoder.layers.0.self_attention.output.weight")[1]
        if heads < 1 or width % heads:
            raise ConversionError(f"{self.source.path}: attention of width {width} cannot have {heads} heads")
        return 0 if width == d_model else width // heads

    def _shape_of(self, name: str) -> tuple[int, ...]:
        return self._shape(self.naming.theirs(name))

    def _shape(self, name: str) -> tuple[int, ...]:
        """The shape of a matrix."""
        found = self.source.shape(name) if name in self.names else None
        if found is None or len(found) != 2:
            what = "is missing" if found is None else f"has shape {list(found)}"
            raise ConversionError(
                f"{self.source.path}: tensor {name} {what}; it is no Transformer that is read"
            )
        return found

    def _same(self, name: str, other: str) -> bool:
        alike = self._shape(name) == self._shape(other)
        return alike and np.array_equal(self.source.read(name), self.source.read(other))
