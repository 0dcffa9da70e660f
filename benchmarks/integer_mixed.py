"""Some parts of a model in static integers, the rest real: what each part costs (Lin et al. 2020)."""

from __future__ import annotations

import enum
from collections.abc import Collection
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from octavo.integer import RealArithmetic, SiteScales
from octavo.integer.arithmetic import ArrayRows, TokenArray
from octavo.model.architecture import OUTPUT, sites_written, weight_products
from octavo.scale_propagation import UINT8_LEVELS
from octavo.scale_propagation.scale import Int64Array
from octavo.simulation.integer_arithmetic import StaticArithmetic

Float64Array = npt.NDArray[np.float64]

_HALF_LEVELS: Final = 128


class Part(enum.StrEnum):
    """What can be in integers by itself."""

    EMBEDDING = "embedding"
    NORM = "norm"
    ATTENTION = "attention"
    FEED_FORWARD = "feed-forward"
    RESIDUAL = "residual"
    OUTPUT = "output"


class MixedArithmetic(ArrayRows):
    """Real values everywhere; an operation of ``parts`` rounds its inputs to their sites' integers and
    computes as ``StaticArithmetic`` does. With every part the integers are the static ones.

    The model of ``static`` is frozen from that of ``real`` with ``scales``.
    """

    def __init__(
        self,
        real: RealArithmetic,
        static: StaticArithmetic,
        scales: SiteScales,
        logits_scale: float,
        parts: Collection[Part],
    ) -> None:
        self._real, self._static, self._scales = real, static, scales
        self._logits_scale = logits_scale
        self._parts = frozenset(parts)
        self._sites = {product.name: product.site for product in weight_products(real.config)}
        self._written = sites_written(real.config)

    def embed(self, stack: str, tokens: TokenArray, first: int = 0) -> Float64Array:
        """Token rows plus position rows."""
        if Part.EMBEDDING not in self._parts:
            return self._stream(stack, self._real.embed(stack, tokens, first))
        return self._stream(stack, self._static.embed(stack, tokens, first) / self._stream_scale(stack))

    def norm(self, name: str, stream: Float64Array) -> Float64Array:
        """The L1 norm, its result on the site's integers."""
        if Part.NORM not in self._parts:
            return self._real.norm(name, stream)
        integers = self._static.norm(name, self._stream_integers(_stack(name), stream))
        return integers / self._scales.inputs[self._written[name]]

    def project(self, name: str, x: Float64Array) -> Float64Array:
        """The product that gives queries, keys or values."""
        if Part.ATTENTION not in self._parts:
            return self._real.project(name, x)
        return self._static.project(name, self._input(name, x)) / self._columns(self._written[name])

    def attention(
        self, name: str, query: Float64Array, key: Float64Array, value: Float64Array, *, causal: bool
    ) -> Float64Array:
        """Values mixed by polynomial attention."""
        if Part.ATTENTION not in self._parts:
            return self._real.attention(name, query, key, value, causal=causal)
        sites = (f"{name}.queries", query), (f"{name}.keys", key), (f"{name}.values", value)
        q, k, v = (_byte(x * self._columns(site)) for site, x in sites)
        context = self._static.attention(name, q, k, v, causal=causal)
        return context / self._scales.inputs[f"{name}.context"]

    def hidden(self, name: str, x: Float64Array) -> Float64Array:
        """The product that gives the hidden layer."""
        if Part.FEED_FORWARD not in self._parts:
            return self._real.hidden(name, x)
        return self._static.hidden(name, self._input(name, x)) / self._scales.inputs[self._written[name]]

    def add_product(self, name: str, x: Float64Array, stream: Float64Array) -> Float64Array:
        """The stream plus a product, which in integers has the stream's steps."""
        stack = _stack(name)
        part = Part.FEED_FORWARD if name.endswith(".outer") else Part.ATTENTION
        if part not in self._parts:
            return self._stream(stack, self._real.add_product(name, x, stream))
        product = self._static.rescaled_product(name, self._input(name, x))
        return self._stream(stack, stream + product / self._stream_scale(stack))

    def logits(self, x: Float64Array) -> Float64Array:
        """The output projection."""
        if Part.OUTPUT not in self._parts:
            return self._real.logits(x)
        return self._static.logits(self._input(OUTPUT, x)) / self._logits_scale

    def _input(self, product: str, x: Float64Array) -> Int64Array:
        """A product's input as integers without their zero point."""
        site = self._sites[product]
        rounded = _rounded(x * self._scales.inputs[site])
        return np.clip(rounded, 0, UINT8_LEVELS) if site.endswith(".hidden") else _byte(rounded)

    def _columns(self, site: str) -> Float64Array:
        """The scale of every column of queries, keys or values."""
        return np.repeat(np.array(self._scales.heads[site]), self._real.config.head_dim)

    def _stream(self, stack: str, x: Float64Array) -> Float64Array:
        if Part.RESIDUAL not in self._parts:
            return x
        return self._stream_integers(stack, x) / self._stream_scale(stack)

    def _stream_integers(self, stack: str, x: Float64Array) -> Int64Array:
        limit = self._static.stream_limit
        return np.clip(_rounded(x * self._stream_scale(stack)), -limit, limit)

    def _stream_scale(self, stack: str) -> float:
        return self._scales.residual(stack)


def _stack(name: str) -> str:
    return name.split(".", 1)[0]


def _rounded(x: Float64Array) -> Int64Array:
    return np.floor(x + 0.5).astype(np.int64)


def _byte(x: npt.NDArray[Any]) -> Int64Array:
    return np.clip(_rounded(x), -_HALF_LEVELS, _HALF_LEVELS - 1)
