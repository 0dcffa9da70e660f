"""A model as it may be quantized: its float tensors, its ranges, and the biases that make good for both."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from octavo.calibration.build_plan import SiteRanges
from octavo.plan import ProductKind, QuantizationPlan, products
from octavo.quantization import QuantizedWeights, TensorModel
from octavo.quantization.migration import Migration
from octavo.spec import ModelConfig, Scheme

FloatArray = npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Form:
    """Float tensors that compute what the original's do. ``migrations``: how they came about."""

    config: ModelConfig
    tensors: Mapping[str, FloatArray]
    migrations: frozenset[Migration] = frozenset()

    def model(self) -> TensorModel:
        """To be run in float32."""
        return TensorModel(self.config, Scheme.NONE, self.tensors)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """A form, quantized. ``biases``: corrected ones, by product, for where the product runs in int8."""

    form: Form
    weights: QuantizedWeights
    ranges: SiteRanges
    biases: Mapping[str, FloatArray] = dataclasses.field(default_factory=dict)

    def plan(self, float32: Iterable[str]) -> QuantizationPlan:
        """The plan with these products in float32."""
        return self.ranges.plan(self.form.config, float32)

    def model(self, float32: frozenset[str]) -> TensorModel:
        """To be run in int8, with these products in float32."""
        model = self.weights.model(self.plan(float32))
        return dataclasses.replace(model, tensors={**model.tensors, **self._biases(float32)})

    def size_bytes(self, float32: frozenset[str]) -> int:
        """Bytes of the tensors, with these products in float32."""
        return sum(tensor.nbytes for tensor in self.model(float32).tensors.values())

    def dequantized(self, weight: str) -> FloatArray:
        """A weight as int8 holds it, widened again."""
        tensors = self.weights.model(self.plan(frozenset())).tensors
        scale = tensors[f"{weight}_scale"].astype(np.float32)
        widened: FloatArray = tensors[weight].astype(np.float32) * scale[:, None]
        return widened

    def _biases(self, float32: frozenset[str]) -> dict[str, FloatArray]:
        int8 = (
            product.name
            for product in products(self.form.config)
            if product.kind is ProductKind.WEIGHT and product.name not in float32
        )
        return {f"{name}.bias": self.biases[name] for name in int8 if name in self.biases}

    def identity(self) -> dict[str, Any]:
        """What distinguishes it from other variants of the same model and text, ready for JSON."""
        return {
            "migrations": sorted(self.form.migrations),
            "ranges": self.ranges.checksum(),
            "corrected": sorted(self.biases),
        }
