"""The weights of the classes that call their tensors as BART does: which are shared, which there are."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from octavo.artifact.positions import position_table
from octavo.conversion.errors import ConversionError
from octavo.conversion.huggingface.architecture import (
    DECODER_EMBEDDING,
    ENCODER_EMBEDDING,
    OUTPUT_BIAS,
    OUTPUT_WEIGHT,
    SHARED_EMBEDDING,
    their_name,
)
from octavo.conversion.mapping import MappedTensors, Origin, computed, same
from octavo.conversion.tensor_source import Array, TensorSource
from octavo.model.config import ModelConfig, Positions
from octavo.model.scheme import Scheme
from octavo.model.tensor_table import tensors

_STACKS: Final = ("encoder", "decoder")
_EMBEDDINGS: Final = (SHARED_EMBEDDING, ENCODER_EMBEDDING, DECODER_EMBEDDING, OUTPUT_WEIGHT)

_TABLES: Final = ("weight", "weights")  # the latter in files of M2M-100 before Transformers 4

# Stored positions that are the sinusoidal table but for rounding; sin and cos differ in the last digit.
_SAME_POSITION: Final = {"float32": 2e-6, "float16": 1e-3, "bfloat16": 8e-3}


def read_weights(source: TensorSource, stated: ModelConfig) -> tuple[ModelConfig, Mapping[str, Array]]:
    """The configuration, and all its tensors.

    ``stated`` is what config.json says: the weights may show that embeddings are not shared, that positions
    are learned, and that there are biases of the output. Raises ConversionError.
    """
    return _Weights(source, stated).model()


class _Weights:
    def __init__(self, source: TensorSource, stated: ModelConfig) -> None:
        self.source = source
        self.stated = stated

    def model(self) -> tuple[ModelConfig, Mapping[str, Array]]:
        embeddings = self._embeddings()
        bias = self._output_bias()
        positions = self._positions()
        config = dataclasses.replace(
            self.stated,
            shared_embeddings="decoder.embedding.weight" not in embeddings,
            output_bias=bool(bias),
            positions=Positions.LEARNED if positions else self.stated.positions,
        )

        def origin(name: str) -> Origin:
            if name in embeddings:
                return same(embeddings[name])
            if name in positions:
                return computed(lambda: positions[name])
            theirs = same(their_name(name))
            return theirs.flat() if name == "output.bias" else theirs

        unread = [*_EMBEDDINGS, OUTPUT_BIAS]
        if self.stated.positions is not Positions.LEARNED:
            unread += [f"model.{stack}.embed_positions.{ending}" for stack in _STACKS for ending in _TABLES]
        specs = tensors(config, Scheme.NONE)
        return config, MappedTensors(self.source, specs, origin, unread=unread)

    def _output_bias(self) -> bool:
        """Whether there are biases of the output, and not all of them 0."""
        there = self._has(OUTPUT_BIAS, (1, self.stated.target_vocab_size))
        return there and bool(self.source.read(OUTPUT_BIAS).any())

    def _embeddings(self) -> dict[str, str]:
        """Their name of each embedding, one where they are shared, and of the output where it is not tied."""
        stated, width = self.stated, self.stated.d_model
        sources, targets = (stated.source_vocab_size, width), (stated.target_vocab_size, width)
        encoder = [ENCODER_EMBEDDING] if self._has(ENCODER_EMBEDDING, sources) else []
        decoder = [DECODER_EMBEDDING] if self._has(DECODER_EMBEDDING, targets) else []
        output = [OUTPUT_WEIGHT] if self._has(OUTPUT_WEIGHT, targets) else []
        shares = stated.shared_embeddings and self._has(SHARED_EMBEDDING, sources)
        shared = [SHARED_EMBEDDING] if shares else []
        if stated.tied_output:
            if stated.shared_embeddings:
                one = self._one(SHARED_EMBEDDING, [*shared, *decoder, *encoder, *output])
                return {"encoder.embedding.weight": one}
            decoder = [self._one(DECODER_EMBEDDING, [*decoder, *output])]
        source = self._one(ENCODER_EMBEDDING, encoder or shared)
        target = self._one(DECODER_EMBEDDING, decoder or shared)
        found = {"encoder.embedding.weight": source}
        if not (stated.shared_embeddings and self._same(source, target)):
            found["decoder.embedding.weight"] = target
        if not stated.tied_output:
            found["output.weight"] = self._one(OUTPUT_WEIGHT, output)
        return found

    def _one(self, wanted: str, there: Sequence[str]) -> str:
        """The first of the names, which all stand for one tensor."""
        if not there:
            raise ConversionError(f"{self.source.path}: tensor {wanted} is missing")
        for other in there[1:]:
            if not self._same(there[0], other):
                raise ConversionError(
                    f"{self.source.path}: tensors {there[0]} and {other} differ, but config.json ties them"
                )
        return there[0]

    def _same(self, name: str, other: str) -> bool:
        return name == other or np.array_equal(self.source.read(name), self.source.read(other))

    def _positions(self) -> dict[str, Array]:
        """Learned positions of both stacks, of which one may be the table; {} where they are as stated."""
        if self.stated.positions is not Positions.HALVES:
            return {}
        table = position_table(self.stated)
        found: dict[str, Array] = {}
        sinusoidal = True
        for stack in _STACKS:
            name = f"{stack}.positions.weight"
            theirs = their_name(name)
            stored = self.source.read(theirs) if self._has(theirs, table.shape) else None
            if stored is not None:
                is_table = np.abs(stored - table).max() <= _SAME_POSITION[_precision(stored)]
                sinusoidal = sinusoidal and bool(is_table)
            found[name] = table if stored is None else stored
        return {} if sinusoidal else found

    def _has(self, name: str, shape: tuple[int, ...]) -> bool:
        """Whether there is such a tensor. Raises ConversionError where its shape is another."""
        if name not in self.source.names():
            return False
        found = self.source.shape(name)
        if found != shape:
            raise ConversionError(
                f"{self.source.path}: tensor {name} has shape {list(found)}; config.json implies "
                f"{list(shape)}"
            )
        return True


def _precision(array: Array) -> str:
    """The type that the values had; bfloat16 is read as float32."""
    is_short = array.dtype == np.float32 and not (array.view(np.uint32) & 0xFFFF).any()
    return "bfloat16" if is_short else array.dtype.name
