"""A floating-point Integer Transformer is frozen into integers by the scales of its sites."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from octavo.artifact.integer_values import integer_problem
from octavo.errors import QuantizationError
from octavo.integer.arithmetic import SITE_OF_PROJECTION
from octavo.integer.freeze_attention import HeadScales, freeze_attention
from octavo.integer.freeze_norm import freeze_norm
from octavo.integer.freeze_product import (
    WeightProduct,
    exact_steps,
    factor_tensors,
    least_factor,
    logits_scale,
    quantize_rows,
    row_steps,
)
from octavo.integer.site_scales import SiteScales
from octavo.model.architecture import OUTPUT, Product, ProductKind, products, weight_name
from octavo.model.config import ModelConfig, Positions
from octavo.model.errors import SpecError
from octavo.model.integer_format import (
    EMBEDDING_SHIFT_LIMITS,
    MOST_WIDTH,
    POSITION_LIMITS,
    IntegerScales,
    integer_obstacle,
)
from octavo.model.scheme import Scheme
from octavo.model.tensor_table import float_shapes, target_embedding_name, weight_shapes
from octavo.quantization.arrays import Float64Array
from octavo.quantization.tensor_model import IN_MEMORY, TensorModel, TensorSource

Tensors = dict[str, npt.NDArray[np.generic]]


def check_freezable(model: TensorSource) -> None:
    """Raise QuantizationError unless this is a floating-point model that integers alone can run."""
    if model.scheme is not Scheme.NONE:
        raise QuantizationError(f"the model is quantized already ({model.scheme}); quantize its float model")
    if obstacle := integer_obstacle(model.config):
        raise QuantizationError(
            f"the model has {obstacle}; only pre-norm models with polynomial attention, L1 layer norm, ReLU, "
            f"no embedding_norm and d_model up to {MOST_WIDTH} run in integers alone"
        )


def freeze(model: TensorSource, scales: SiteScales) -> TensorModel:
    """The model of scheme ``integer``, whose sites have these scales (docs/numerics.md).

    Raises QuantizationError, naming the tensor or product, for a model that has no such form, for a value
    that is not finite, and where the integers could overflow.
    """
    check_freezable(model)
    scales.check(model.config)
    frozen = _Freezing(model, scales)
    path = str(getattr(model, "path", IN_MEMORY))
    tensors, integer_scales = frozen.tensors(), frozen.integer_scales
    if problem := integer_problem(model.config, tensors.__getitem__):
        raise QuantizationError(problem)
    return TensorModel(model.config, Scheme.INTEGER, tensors, path=path, integer_scales=integer_scales)


class _Freezing:
    """The freezing of one model. A matrix that has several uses gets steps that suit all of them."""

    def __init__(self, model: TensorSource, scales: SiteScales) -> None:
        self._config: ModelConfig = model.config
        self._scales = scales
        shapes = [*weight_shapes(model.config), *float_shapes(model.config)]
        self._real = {name: _finite(model, name) for name, _ in shapes}
        self._logits_scale = self._choose_logits_scale()

    @property
    def integer_scales(self) -> IntegerScales:
        scales = self._scales
        try:
            return IntegerScales(scales.encoder_residual, scales.decoder_residual, self._logits_scale)
        except SpecError as error:
            raise QuantizationError(f"{error}: values out of proportion; retrain the model") from error

    def tensors(self) -> Tensors:
        """Every tensor of the scheme."""
        config, scales = self._config, self._scales
        found: Tensors = {}
        uses = [self._product(p) for p in products(config) if p.kind is ProductKind.WEIGHT]
        for name, _ in weight_shapes(config):
            of_it = [use for use in uses if self._weight_name(use.name) == name]
            stacks = [stack for stack in config.stacks if self._embedding(stack) == name]
            least = [use.least_step() for use in of_it]
            least += [np.full(len(self._real[name]), self._least_embedding_step(stack)) for stack in stacks]
            # The factors of one use are exact; those of others of the same rows have 15 bits.
            units = [use.factor_unit() for use in of_it] + [
                np.full(len(self._real[name]), self._embedding_factor(stack)) for stack in stacks
            ]
            steps = exact_steps(row_steps(self._real[name], np.maximum.reduce(least)), units[0])
            matrix = quantize_rows(self._real[name], steps)
            found[name] = matrix.integers
            for use in of_it:
                found |= use.tensors(matrix)
            for stack in stacks:
                where = f"{stack}.embedding"
                factor = self._embedding_factor(stack) * matrix.step
                both = factor_tensors(factor, EMBEDDING_SHIFT_LIMITS, where)
                found[f"{where}.multiplier"], found[f"{where}.shift"] = both
        for norm, site in _norms(config):
            gain, bias = self._real[f"{norm}.weight"], self._real[f"{norm}.bias"]
            found |= freeze_norm(norm, gain, bias, scales.inputs[site])
        for product in products(config):
            if product.kind is ProductKind.SCORES:
                found |= self._attention(product.name.removesuffix(".scores"))
        if config.positions is Positions.LEARNED:
            for stack in config.stacks:
                table = np.floor(self._real[f"{stack}.positions.weight"] * scales.residual(stack) + 0.5)
                found[f"{stack}.positions.weight"] = table.clip(*POSITION_LIMITS).astype(np.int16)
        return found

    def _attention(self, name: str) -> Tensors:
        config, heads = self._config, self._scales.heads
        polynomial = (
            np.broadcast_to(self._real.get(f"{name}.polynomial.{part}", np.zeros(1)), config.attention_heads)
            for part in ("bias", "delta")
        )
        bias, delta = polynomial
        query, key, value = (np.array(heads[f"{name}.{part}"]) for part in ("queries", "keys", "values"))
        return freeze_attention(
            name,
            HeadScales(query, key, value, self._scales.inputs[f"{name}.context"]),
            head_dim=config.head_dim,
            degree=config.polynomial_degree,
            bias=bias,
            delta=delta,
        )

    def _product(self, product: Product) -> WeightProduct:
        rows = len(self._real[self._weight_name(product.name)])
        return WeightProduct(
            product.name,
            self._real.get(f"{product.name}.bias"),
            self._scales.inputs[product.sites[0]],
            self._output_scale(product.name, rows),
        )

    def _output_scale(self, product: str, rows: int) -> Float64Array:
        """The scale of every row of a product's result."""
        scales = self._scales
        if product == OUTPUT:
            return np.full(rows, self._logits_scale)
        name, _, role = product.rpartition(".")
        if role in SITE_OF_PROJECTION:
            return np.repeat(scales.heads[f"{name}.{SITE_OF_PROJECTION[role]}"], self._config.head_dim)
        if role == "inner":
            return np.full(rows, scales.inputs[f"{name}.hidden"])
        return np.full(rows, scales.residual(product.partition(".")[0]))

    def _choose_logits_scale(self) -> float:
        name = self._weight_name(OUTPUT)
        weight, bias = self._real[name], self._real.get("output.bias")
        least = [self._least_embedding_step(s) for s in self._config.stacks if self._embedding(s) == name]
        input_scale = self._scales.inputs["decoder.output"]
        return logits_scale(weight, bias, input_scale, np.full(len(weight), max(least, default=0.0)))

    def _embedding(self, stack: str) -> str:
        return target_embedding_name(self._config) if stack == "decoder" else "encoder.embedding.weight"

    def _embedding_factor(self, stack: str) -> float:
        """The scale of the residual stream, times what embeddings are multiplied by."""
        multiplied = math.sqrt(self._config.d_model) if self._config.scale_embeddings else 1.0
        return multiplied * self._scales.residual(stack)

    def _least_embedding_step(self, stack: str) -> float:
        return least_factor(EMBEDDING_SHIFT_LIMITS) / self._embedding_factor(stack)

    def _weight_name(self, product: str) -> str:
        return weight_name(self._config, Product(product, ProductKind.WEIGHT, ()))


def _finite(model: TensorSource, name: str) -> Float64Array:
    values = model.tensor(name).astype(np.float64)
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values).reshape(len(values), -1).all(axis=1)))
        raise QuantizationError(f"{name}: row {row} holds NaN or infinity; repair or retrain the model")
    return values


def _norms(config: ModelConfig) -> Iterator[tuple[str, str]]:
    """Every norm and the site that it feeds."""
    depth = {"encoder": config.encoder_layers, "decoder": config.decoder_layers}
    for stack in config.stacks:
        has_memory = stack == "decoder" and not config.is_language_model
        attentions = ("self_attention", "cross_attention") if has_memory else ("self_attention",)
        for i in range(depth[stack]):
            for sublayer in (*attentions, "feed_forward"):
                name = f"{stack}.layers.{i}.{sublayer}"
                yield f"{name}.norm", f"{name}.input"
        yield f"{stack}.norm", f"{stack}.output"
