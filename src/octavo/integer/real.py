"""Real arithmetic: the mathematics of ``octavo.reference`` in numpy, whose sites calibration observes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from octavo.artifact.positions import position_table
from octavo.integer.arithmetic import (
    ArrayRows,
    TokenArray,
    check_runs_in_integers,
    join_heads,
    split_heads,
    visible_keys,
)
from octavo.integer.forward import ForwardPass
from octavo.model.architecture import architecture, embedding_name, sites_written, weight_products
from octavo.model.config import Positions
from octavo.quantization.tensor_model import TensorSource
from octavo.scale_propagation.layer_norm import DEVIATION_RATIO

RealArray = npt.NDArray[Any]
"""Binary64 or binary32."""

Visit = Callable[[str, npt.NDArray[np.float32]], None]

SMALLEST_SUM: Final = 2.0**-20  # docs/numerics.md, Integer Transformer


class RealArithmetic(ArrayRows):
    """Floating point of type ``dtype``, on the tensors of a float Integer Transformer.

    ``visit(site, rows [rows, width])`` hears every site of ``octavo.model`` but attention weights, and
    encoder.residual and decoder.residual: the stream after the embedding and after every sublayer.
    Raises QuantizationError for a model that does not run in integers.
    """

    def __init__(
        self, model: TensorSource, visit: Visit | None = None, dtype: type[Any] = np.float64
    ) -> None:
        check_runs_in_integers(model.config)
        self.config = model.config
        self._products = {product.name: product for product in weight_products(model.config)}
        self._written = sites_written(model.config)
        self._visit = visit
        self._model = model
        self._dtype = dtype
        self._tensors: dict[str, RealArray] = {}

    def tensor(self, name: str) -> RealArray:
        """A tensor of the model in this arithmetic's type."""
        if name not in self._tensors:
            self._tensors[name] = self._model.tensor(name).astype(self._dtype)
        return self._tensors[name]

    def embed(self, stack: str, tokens: TokenArray, first: int = 0) -> RealArray:
        """table[token] * sqrt(d_model) + position row."""
        table = self.tensor(embedding_name(self.config, stack))
        scale = math.sqrt(self.config.d_model) if self.config.scale_embeddings else 1.0
        first += self.config.position_offset
        positions = self._positions(stack)[first : first + tokens.shape[1]]
        return self._seen(f"{stack}.residual", table[tokens] * self._dtype(scale) + positions)

    def norm(self, name: str, stream: RealArray) -> RealArray:
        """weight * c / (sqrt(π / 2) * mean |c| + epsilon) + bias, c = x - mean."""
        centred = stream - stream.mean(-1, keepdims=True)
        deviation = DEVIATION_RATIO * np.abs(centred).mean(-1, keepdims=True) + self.config.layer_norm_epsilon
        normed = centred / deviation * self.tensor(f"{name}.weight") + self.tensor(f"{name}.bias")
        return self._seen(self._written[name], normed)

    def project(self, name: str, x: RealArray) -> RealArray:
        """x W^T + bias."""
        return self._seen(self._written[name], self.product(name, x))

    def attention(
        self, name: str, query: RealArray, key: RealArray, value: RealArray, *, causal: bool
    ) -> RealArray:
        """Poly(q k^T / sqrt(head_dim)), divided by its sum over the keys seen, times v."""
        q, k, v = (split_heads(self.config, x) for x in (query, key, value))
        scores = q @ k.swapaxes(-1, -2) / self._dtype(math.sqrt(self.config.head_dim))
        visible = visible_keys(q.shape[-2], k.shape[-2], causal=causal)
        powers = np.maximum(scores + self._polynomial(name, "bias"), 0) ** self.config.polynomial_degree
        powers = (powers + np.abs(self._polynomial(name, "delta"))) * visible
        weights = powers / np.maximum(powers.sum(-1, keepdims=True), SMALLEST_SUM)
        return self._seen(self._written[f"{name}.context"], join_heads(weights @ v))

    def hidden(self, name: str, x: RealArray) -> RealArray:
        """max(x W^T + bias, 0)."""
        return self._seen(self._written[name], np.maximum(self.product(name, x), 0))

    def add_product(self, name: str, x: RealArray, stream: RealArray) -> RealArray:
        """stream + x W^T + bias."""
        return self._seen(f"{self._products[name].stack}.residual", stream + self.product(name, x))

    def logits(self, x: RealArray) -> RealArray:
        """x W^T, plus a bias where the model has one."""
        return self.product(architecture(self.config).output.name, x)

    def product(self, name: str, x: RealArray) -> RealArray:
        """A weight product by its name."""
        product = self._products[name]
        result: RealArray = x @ self.tensor(product.weight.name).T
        return result + self.tensor(product.bias.name) if product.bias else result

    def _positions(self, stack: str) -> RealArray:
        if self.config.positions is Positions.LEARNED:
            return self.tensor(f"{stack}.positions.weight")
        if "positions" not in self._tensors:
            self._tensors["positions"] = position_table(self.config).astype(self._dtype)
        return self._tensors["positions"]

    def _polynomial(self, name: str, part: str) -> RealArray:
        """Bias or delta of an attention for scores [B, heads, T, S]; 0 where the model has none."""
        if not getattr(self.config, f"polynomial_{part}"):
            return np.zeros((1, 1, 1), self._dtype)
        return self.tensor(f"{name}.polynomial.{part}").reshape(-1, 1, 1)

    def _seen(self, site: str, x: RealArray) -> RealArray:
        if self._visit is not None:
            self._visit(site, x.reshape(-1, x.shape[-1]).astype(np.float32))
        return x


class RealTransformer:
    """Runs a float Integer Transformer in ``dtype``; ``visit`` hears the rows of every site.

    Raises QuantizationError for another architecture.
    """

    def __init__(
        self, model: TensorSource, visit: Visit | None = None, dtype: type[Any] = np.float64
    ) -> None:
        self._forward = ForwardPass(model.config, RealArithmetic(model, visit, dtype))

    def logits(self, source_ids: Sequence[int], target_ids: Sequence[int]) -> RealArray:
        """Logits [len(target) + 1, target vocabulary]. Raises QuantizationError as ``ForwardPass.forced``."""
        logits: RealArray = self._forward.forced(source_ids, target_ids)[0]
        return logits
