"""A floating-point Integer Transformer is frozen into integers by the scales of its sites."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from octavo.artifact.integer_values import integer_problem
from octavo.errors import QuantizationError
from octavo.integer.freeze_attention import HeadScales, freeze_attention
from octavo.integer.freeze_norm import freeze_norm
from octavo.integer.freeze_product import (
    ScaledProduct,
    exact_steps,
    factor_tensors,
    least_factor,
    logits_scale,
    quantize_rows,
    row_steps,
)
from octavo.integer.site_scales import SiteScales
from octavo.model.architecture import OUTPUT, architecture, embedding_name, sites, weight_products
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
from octavo.model.sublayers import WeightProduct
from octavo.model.tensor_table import float_shapes, weight_shapes
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
        for name, _ in weight_shapes(config):
            of_it = [self._product(p) for p in weight_products(config) if p.weight.name == name]
            stacks = [stack for stack in config.stacks if embedding_name(config, stack) == name]
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
        for site in sites(config).values():
            if norm := site.norm:
                gain, bias = self._real[f"{norm}.weight"], self._real[f"{norm}.bias"]
                found |= freeze_norm(norm, gain, bias, scales.inputs[site.name])
        for sublayer in architecture(config).sublayers:
            if sublayer.kind.is_attention:
                found |= self._attention(sublayer.name)
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

    def _product(self, product: WeightProduct) -> ScaledProduct:
        return ScaledProduct(
            product.name,
            self._real[product.bias.name] if product.bias else None,
            self._scales.inputs[product.site],
            self._output_scale(product),
        )

    def _output_scale(self, product: WeightProduct) -> Float64Array:
        """The scale of every row of a product's result."""
        scales, rows = self._scales, product.weight.shape[0]
        if product.name == OUTPUT:
            return np.full(rows, self._logits_scale)
        if product.makes is None:
            return np.full(rows, scales.residual(product.stack))
        if product.makes in scales.heads:
            return np.repeat(scales.heads[product.makes], self._config.head_dim)
        return np.full(rows, scales.inputs[product.makes])

    def _choose_logits_scale(self) -> float:
        config, output = self._config, architecture(self._config).output
        weight = self._real[output.weight.name]
        bias = self._real[output.bias.name] if output.bias else None
        least = [
            self._least_embedding_step(stack)
            for stack in config.stacks
            if embedding_name(config, stack) == output.weight.name
        ]
        input_scale = self._scales.inputs[output.site]
        return logits_scale(weight, bias, input_scale, np.full(len(weight), max(least, default=0.0)))

    def _embedding_factor(self, stack: str) -> float:
        """The scale of the residual stream, times what embeddings are multiplied by."""
        multiplied = math.sqrt(self._config.d_model) if self._config.scale_embeddings else 1.0
        return multiplied * self._scales.residual(stack)

    def _least_embedding_step(self, stack: str) -> float:
        return least_factor(EMBEDDING_SHIFT_LIMITS) / self._embedding_factor(stack)


def _finite(model: TensorSource, name: str) -> Float64Array:
    values = model.tensor(name).astype(np.float64)
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values).reshape(len(values), -1).all(axis=1)))
        raise QuantizationError(f"{name}: row {row} holds NaN or infinity; repair or retrain the model")
    return values
