"""One way to quantize a model: its float tensors, the ranges of its sites, and corrected biases."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from octavo.calibration.candidates.ranges import SiteRanges
from octavo.model.architecture import products
from octavo.model.config import ModelConfig
from octavo.model.plan import QuantizationPlan
from octavo.model.scheme import Scheme
from octavo.model.sublayers import ProductKind
from octavo.quantization import QuantizedWeights, TensorModel
from octavo.quantization.migration import Migration

FloatArray = npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True, eq=False)
class FloatModel:
    """Float tensors that compute what the original model's tensors compute.

    ``migrations``: the kinds of scale migration that made them; empty for the original tensors.
    """

    config: ModelConfig
    tensors: Mapping[str, FloatArray]
    migrations: frozenset[Migration] = frozenset()

    def tensor_model(self) -> TensorModel:
        """The model as the engine runs it in float32."""
        return TensorModel(self.config, Scheme.NONE, self.tensors)

    @functools.cached_property
    def weights(self) -> QuantizedWeights:
        """Its matrices in int8, quantized when they are first asked for."""
        return QuantizedWeights(self.tensor_model())


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A float model and the ranges of its sites: one way to quantize it.

    ``biases``: the corrected biases by product, which are used where the product runs in int8.
    """

    float_model: FloatModel
    ranges: SiteRanges
    biases: Mapping[str, FloatArray] = dataclasses.field(default_factory=dict)

    def plan(self, float32: Iterable[str]) -> QuantizationPlan:
        """The plan with these products in float32."""
        return self.ranges.plan(self.float_model.config, float32)

    def model(self, float32: frozenset[str]) -> TensorModel:
        """The int8 model with these products in float32."""
        model = self.float_model.weights.model(self.plan(float32))
        return dataclasses.replace(model, tensors={**model.tensors, **self._biases(float32)})

    def size_bytes(self, float32: frozenset[str]) -> int:
        """The size of the int8 model's tensors in bytes, with these products in float32."""
        return sum(tensor.nbytes for tensor in self.model(float32).tensors.values())

    def dequantized(self, weight: str) -> FloatArray:
        """The float32 values that the int8 form of a weight stands for."""
        tensors = self.float_model.weights.model(self.plan(frozenset())).tensors
        scale = tensors[f"{weight}_scale"].astype(np.float32)
        widened: FloatArray = tensors[weight].astype(np.float32) * scale[:, None]
        return widened

    def _biases(self, float32: frozenset[str]) -> dict[str, FloatArray]:
        int8 = (
            product.name
            for product in products(self.float_model.config)
            if product.kind is ProductKind.WEIGHT and product.name not in float32
        )
        return {f"{name}.bias": self.biases[name] for name in int8 if name in self.biases}

    def identity(self) -> dict[str, Any]:
        """What distinguishes it from other candidates of the same model and text, ready for JSON."""
        return {
            "migrations": sorted(self.float_model.migrations),
            "ranges": self.ranges.checksum(),
            "corrected": sorted(self.biases),
        }
