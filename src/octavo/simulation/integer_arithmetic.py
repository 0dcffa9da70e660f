"""Static integer arithmetic, bit for bit as docs/numerics.md writes it: the oracle of ``integer``.

The model's factors contain every scale, so the integers are computed without scales beside them.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from octavo.artifact.positions import position_table
from octavo.errors import QuantizationError
from octavo.integer.arithmetic import (
    ArrayRows,
    TokenArray,
    join_heads,
    split_heads,
    visible_keys,
)
from octavo.model.architecture import OUTPUT, embedding_name, sites, weight_products
from octavo.model.config import Positions
from octavo.model.integer_format import NORM_FRACTION_BITS
from octavo.model.scheme import Scheme
from octavo.model.sublayers import SiteKind
from octavo.quantization.tensor_model import TensorSource
from octavo.scale_propagation import (
    INT16_LEVELS,
    INT32_LIMIT,
    UINT8_LEVELS,
    L1NormParameters,
    Polynomial,
    Scale,
    ScaledTensor,
    l1_layer_norm,
    matmul,
    polynomial_weights,
    transpose,
    weighted_mean,
)
from octavo.scale_propagation.scale import Int64Array

ZERO_POINT: Final = 128

_HALF_LEVELS: Final = 128  # u8 around the zero point: -128 to 127
_POLYNOMIAL_BITS: Final = 15
_NO_DELTA: Final = -200  # an exponent that leaves 0 of any mantissa


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class IntegerProduct:
    """One weight product: input u8 [rows, K], its zero point, and the sums int32 [rows, N], bias included."""

    name: str
    input: npt.NDArray[np.uint8]
    zero_point: int
    sums: npt.NDArray[np.int32]


class StaticArithmetic(ArrayRows):
    """Integers are int64 arrays; inputs of products come without their zero point.

    Every weight product is appended to ``products``, where that is not None, in the order computed.
    ``stream_limit`` is the largest integer of a residual stream. Raises QuantizationError for a model of
    another scheme than ``integer``.
    """

    stream_limit: int = INT16_LEVELS

    def __init__(self, model: TensorSource, products: list[IntegerProduct] | None = None) -> None:
        if model.scheme is not Scheme.INTEGER or model.integer_scales is None:
            raise QuantizationError(
                f"the model is of scheme {model.scheme}; integer arithmetic runs one of {Scheme.INTEGER}"
            )
        self.config = model.config
        self.products = products
        self._products = {product.name: product for product in weight_products(model.config)}
        self._sites = sites(model.config)
        self._model, self._scales = model, model.integer_scales
        self._weights: dict[str, npt.NDArray[np.float64]] = {}
        self._factors: dict[str, Scale] = {}
        self._positions: dict[str, Int64Array] = {}

    def embed(self, stack: str, tokens: TokenArray, first: int = 0) -> Int64Array:
        """x = s16(q ⊗ (m, h) + position)."""
        rows = self._integers(embedding_name(self.config, stack))[tokens]
        factor = self._factor(f"{stack}.embedding")
        scaled = factor.rearranged(lambda part: part[tokens][..., None]).round_product(rows)
        first += self.config.position_offset
        return self._clamped(scaled + self._position_table(stack)[first : first + tokens.shape[1]])

    def norm(self, name: str, stream: Int64Array) -> Int64Array:
        """shift(n_i * g_i + β_i, h), clamped to -128 to 127."""
        x = _unscaled(stream, self.stream_limit)
        normed = l1_layer_norm(x, self._norm_parameters(name), where=name).integers
        shift = int(self._integers(f"{name}.shift")[0])
        return _clamped_to_byte(_power_of_two(-shift).round_product(normed))

    def project(self, name: str, x: Int64Array) -> Int64Array:
        """sum ⊗ (m, h), clamped to -128 to 127."""
        return _clamped_to_byte(self.rescaled_product(name, x))

    def attention(
        self, name: str, query: Int64Array, key: Int64Array, value: Int64Array, *, causal: bool
    ) -> Int64Array:
        """The context, clamped to -128 to 127."""
        q, k, v = (_unscaled(split_heads(self.config, x), _HALF_LEVELS) for x in (query, key, value))
        visible = visible_keys(q.shape[-2], k.shape[-2], causal=causal)
        scores = matmul(q, transpose(k, (0, 1, 3, 2)), where=f"{name}.scores")
        weights = polynomial_weights(scores, self._polynomial(name), visible, where=f"{name}.weights")
        context = weighted_mean(weights, v, self._context_gain(name), where=f"{name}.context").integers
        return _clamped_to_byte(join_heads(context).astype(np.int64))

    def hidden(self, name: str, x: Int64Array) -> Int64Array:
        """sum ⊗ (m, h), clamped to 0 to 255."""
        return np.clip(self.rescaled_product(name, x), 0, UINT8_LEVELS)

    def add_product(self, name: str, x: Int64Array, stream: Int64Array) -> Int64Array:
        """x = s16(x + sum ⊗ (m, h))."""
        return self._clamped(stream + self.rescaled_product(name, x))

    def logits(self, x: Int64Array) -> Int64Array:
        """sum ⊗ (m, h)."""
        return self.rescaled_product(OUTPUT, x)

    def rescaled_product(self, name: str, x: Int64Array) -> Int64Array:
        """sum ⊗ (m, h), the sum Σ (q - z) * w + bias being exact.

        Raises QuantizationError where it leaves int32.
        """
        # Exact in binary64: every partial sum is below 2^53.
        sums = (x.astype(np.float64) @ self._weight(name)).astype(np.int64)
        product = self._products[name]
        if product.bias:
            sums = sums + self._integers(product.bias.name)
        if np.abs(sums).max(initial=0) > INT32_LIMIT:
            raise QuantizationError(f"{name}: a sum leaves int32; the model is damaged, quantize it again")
        if self.products is not None:
            zero_point = 0 if self._sites[product.site].kind is SiteKind.HIDDEN else ZERO_POINT
            rows = (x + zero_point).astype(np.uint8).reshape(-1, x.shape[-1])
            self.products.append(
                IntegerProduct(name, rows, zero_point, sums.astype(np.int32).reshape(-1, sums.shape[-1]))
            )
        return self._factor(name).round_product(sums)

    def _clamped(self, stream: Int64Array) -> Int64Array:
        return np.clip(stream, -self.stream_limit, self.stream_limit)

    def _integers(self, name: str) -> npt.NDArray[np.signedinteger[Any]]:
        found = self._model.tensor(name)
        if not np.issubdtype(found.dtype, np.signedinteger):
            raise QuantizationError(f"{name}: {found.dtype}; a model of scheme integer holds integers only")
        return found  # type: ignore[return-value]

    def _weight(self, name: str) -> npt.NDArray[np.float64]:
        """[K, N] in binary64."""
        if name not in self._weights:
            weight = self._integers(self._products[name].weight.name)
            self._weights[name] = np.ascontiguousarray(weight.astype(np.float64).T)
        return self._weights[name]

    def _factor(self, name: str) -> Scale:
        """(m, h) as the scale m * 2^-(32 + h)."""
        if name not in self._factors:
            mantissa = self._integers(f"{name}.multiplier").astype(np.int64)
            shift = self._integers(f"{name}.shift").astype(np.int64)
            self._factors[name] = Scale(mantissa, -32 - shift)
        return self._factors[name]

    def _position_table(self, stack: str) -> Int64Array:
        if stack not in self._positions:
            self._positions[stack] = self._make_positions(stack)
        return self._positions[stack]

    def _make_positions(self, stack: str) -> Int64Array:
        """floor(table * s + 1/2) in binary64, or the learned rows."""
        if self.config.positions is Positions.LEARNED:
            return self._integers(f"{stack}.positions.weight").astype(np.int64)
        table = position_table(self.config).astype(np.float64)
        return self._clamped(np.floor(table * self._scales.residual(stack) + 0.5).astype(np.int64))

    def _norm_parameters(self, name: str) -> L1NormParameters:
        gain, bias = (self._integers(f"{name}.{part}") for part in ("weight", "bias"))
        return L1NormParameters(
            ScaledTensor(gain, _ones(1), _largest(gain)),
            ScaledTensor(bias, Scale.of_integers([1 << NORM_FRACTION_BITS]), _largest(bias)),
            NORM_FRACTION_BITS,
        )

    def _polynomial(self, name: str) -> Polynomial:
        """Bias and delta in the unit of the scores, which have scale 1 here.

        The power of y / 2^t has scale 2^-(n t + 15 (n - 1)), of which m_δ * 2^-e_δ has the second part.
        """
        degree = self.config.polynomial_degree
        bias, mantissa, shift = (
            self._integers(f"{name}.polynomial.{part}").astype(np.int64).reshape(1, -1, 1, 1)
            for part in ("bias", "delta", "delta_shift")
        )
        present = mantissa > 0
        exponent = np.where(present, _POLYNOMIAL_BITS * (degree - 1) - shift, _NO_DELTA)
        delta = Scale(np.where(present, mantissa, 1 << 30), exponent)
        return Polynomial(degree, _unscaled(bias, 1 << 30), delta)

    def _context_gain(self, name: str) -> Scale:
        """C, the scale of the context over that of the values: [1, heads, 1, 1]."""
        mantissa, exponent = (
            self._integers(f"{name}.context_{part}").astype(np.int64).reshape(1, -1, 1, 1)
            for part in ("multiplier", "exponent")
        )
        return Scale(mantissa, exponent)


def _clamped_to_byte(y: Int64Array) -> Int64Array:
    """u8(y), without its zero point."""
    return np.clip(y, -_HALF_LEVELS, _HALF_LEVELS - 1)


def _power_of_two(exponent: int) -> Scale:
    return _ones(0).times_power_of_two(exponent)


def _ones(axes: int) -> Scale:
    return Scale.of_integers(np.ones((1,) * axes, np.int64))


def _unscaled(x: npt.NDArray[np.signedinteger[Any]], limit: int) -> ScaledTensor:
    """Integers for the algebra, with scale 1 in place of the one that the factors contain."""
    return ScaledTensor(x.astype(np.int32), _ones(x.ndim), limit)


def _largest(x: npt.NDArray[np.signedinteger[Any]]) -> int:
    return max(1, int(np.abs(x.astype(np.int64)).max()))
