"""Static integer arithmetic with a residual stream of other than 16 bits, which the engine does not have."""

from __future__ import annotations

import dataclasses

import numpy as np

from octavo.integer import SiteScales
from octavo.model.architecture import products
from octavo.model.config import Positions
from octavo.model.sublayers import ProductKind
from octavo.model.tensor_table import tensors
from octavo.quantization.tensor_model import TensorModel, TensorSource
from octavo.scale_propagation import INT16_LEVELS, Scale
from octavo.simulation.integer_arithmetic import StaticArithmetic


class ShiftedStreamArithmetic(StaticArithmetic):
    """A model of scheme ``integer``, its residual streams wider (positive) or narrower by ``shift`` bits."""

    def __init__(self, model: TensorSource, shift: int) -> None:
        super().__init__(_with_shifted_stream(model, shift))
        self.stream_limit = (1 << (INT16_LEVELS.bit_length() + shift)) - 1


def shifted_scales(scales: SiteScales, shift: int) -> SiteScales:
    """The scales of the sites of a model whose residual streams have ``shift`` more bits."""
    encoder = scales.encoder_residual
    return dataclasses.replace(
        scales,
        encoder_residual=None if encoder is None else encoder * 2.0**shift,
        decoder_residual=scales.decoder_residual * 2.0**shift,
    )


def _with_shifted_stream(model: TensorSource, shift: int) -> TensorModel:
    """The model, what it adds to its residual streams multiplied by 2^shift."""
    config, stated = model.config, model.integer_scales
    if stated is None:
        raise ValueError(f"a model of scheme {model.scheme} has no integers to shift")
    found = {spec.name: model.tensor(spec.name) for spec in tensors(config, model.scheme)}
    adding = [p.name for p in products(config) if p.kind is ProductKind.WEIGHT]
    adding = [name for name in adding if name.rpartition(".")[2] in ("outer", "output") and "." in name]
    for name in (*(f"{stack}.embedding" for stack in config.stacks), *adding):
        found[f"{name}.shift"] = found[f"{name}.shift"] - np.int8(shift)
    if config.positions is Positions.LEARNED:
        factor = Scale.of(2.0**shift)
        for name in (f"{stack}.positions.weight" for stack in config.stacks):
            found[name] = factor.round_product(found[name]).astype(np.int32)
    encoder = stated.encoder_residual
    scales = dataclasses.replace(
        stated,
        encoder_residual=None if encoder is None else encoder * 2.0**shift,
        decoder_residual=stated.decoder_residual * 2.0**shift,
    )
    return TensorModel(config, model.scheme, found, integer_scales=scales)
