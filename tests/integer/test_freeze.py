"""Freezing: integers within half a step of the real numbers, legal whatever the model, and faults named."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octavo.artifact.integer_values import integer_problem
from octavo.artifact.tensors_file import write_tensors
from octavo.engine import Engine
from octavo.errors import QuantizationError
from octavo.integer import RealTransformer, SiteScales
from octavo.integer.choose_scales import choose_scales
from octavo.integer.freeze import freeze
from octavo.integer.freeze_norm import freeze_norm
from octavo.integer.freeze_product import ScaledProduct, exact_steps, quantize_rows, row_steps
from octavo.model.architecture import OUTPUT, weight_products
from octavo.model.config import ModelConfig
from octavo.model.integer_format import norm_weight_limits
from octavo.model.scheme import Scheme
from octavo.model.tensor_table import tensors
from octavo.quantization import TensorModel
from octavo.quantization.observers import HeadStatistics, SiteStatistics
from octavo.quantization.thresholds import Method
from octavo.scale_propagation.layer_norm import DEVIATION_RATIO
from octavo.simulation import IntegerSimulation

from ..models import integer_config, random_tensors, tiny_config

HEAD_SITES = (".queries", ".keys", ".values")
VARIANTS: list[dict[str, Any]] = [
    {},
    {"polynomial_sharing": "layer", "polynomial_degree": 1},
    {"polynomial_bias": False, "polynomial_delta": False, "polynomial_degree": 4},
    {"positions": "learned", "output_bias": True, "position_offset": 2, "tied_output": False},
    {"shared_embeddings": False, "source_vocab_size": 80, "scale_embeddings": False, "polynomial_degree": 2},
]


def configured(changes: dict[str, Any]) -> ModelConfig:
    return ModelConfig.from_dict({**integer_config().to_dict(), **changes})


def float_model(config: ModelConfig, seed: int = 0, **changes: np.ndarray) -> TensorModel:
    return TensorModel(config, Scheme.NONE, random_tensors(config, seed=seed) | changes)


def pairs(config: ModelConfig, count: int) -> list[tuple[list[int], list[int]]]:
    random = np.random.default_rng(1)
    most = min(config.source_vocab_size, config.target_vocab_size)
    return [
        (random.integers(4, most, 9).tolist(), random.integers(4, most, 8).tolist()) for _ in range(count)
    ]


def observed(model: TensorModel, count: int = 20, method: Method = Method.MSE) -> SiteScales:
    config = model.config
    seen: dict[str, SiteStatistics] = {}
    heads: dict[str, HeadStatistics] = {}

    def visit(site: str, rows: np.ndarray) -> None:
        if site.endswith(HEAD_SITES):
            heads.setdefault(site, HeadStatistics(site, config.d_model, config.attention_heads)).add(rows)
        else:
            seen.setdefault(site, SiteStatistics(site, rows.shape[1])).add(rows)

    simulation = RealTransformer(model, visit, np.float32)
    for source, target in pairs(config, count):
        simulation.logits(source, target)
    return choose_scales(model, seen, heads, method)


def real_factors(found: TensorModel, name: str) -> np.ndarray:
    multiplier, shift = found.tensor(f"{name}.multiplier"), found.tensor(f"{name}.shift")
    return np.ldexp(multiplier.astype(np.float64), -32 - shift.astype(np.int32))


@pytest.mark.parametrize("changes", VARIANTS)
def test_integers_predict_what_real_numbers_do(changes: dict[str, Any]) -> None:
    model = float_model(configured(changes))
    frozen = freeze(model, observed(model))
    assert sorted(frozen.tensors) == [spec.name for spec in tensors(model.config, Scheme.INTEGER)]
    scales = frozen.integer_scales
    assert scales is not None
    real, integer = RealTransformer(model), IntegerSimulation(frozen)
    for source, target in pairs(model.config, 3):
        expected, found = real.logits(source, target), integer.logits(source, target) / scales.logits
        # Without bias, keys of which no score is positive decide by rounding.
        least = 0.98 if model.config.polynomial_bias else 0.8
        assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > least


@pytest.mark.parametrize("changes", VARIANTS)
def test_what_is_frozen_can_be_written(changes: dict[str, Any], tmp_path: Any) -> None:
    model = float_model(configured(changes))
    frozen = freeze(model, observed(model))
    write_tensors(tmp_path / "model.safetensors", tensors(model.config, Scheme.INTEGER), frozen.tensors)
    assert integer_problem(model.config, frozen.tensor) is None


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32), changes=st.sampled_from(VARIANTS), spread=st.floats(-3, 3))
def test_parameters_are_within_half_a_step(seed: int, changes: dict[str, Any], spread: float) -> None:
    config = configured(changes)
    drawn = random_tensors(config, seed=seed)
    random = np.random.default_rng(seed)
    for array in drawn.values():
        if array.ndim == 2:
            array *= 10 ** (spread * random.random((len(array), 1))).astype(np.float32)
            array[random.integers(len(array))] = 0
    model = TensorModel(config, Scheme.NONE, drawn)
    scales = observed(model, 1, Method.NAIVE)
    frozen = freeze(model, scales)
    for product in weight_products(config):
        name = product.weight.name
        factor, s_in = real_factors(frozen, product.name), scales.inputs[product.site]
        step = factor * s_in / output_scales(frozen, scales, product.name)
        weight = drawn[name].astype(np.float64)
        assert (np.abs(frozen.tensor(name) * step[:, None] - weight) <= step[:, None] * 0.500001).all()
        if f"{product.name}.bias" in drawn:
            bias, unit = drawn[f"{product.name}.bias"], step / s_in
            error = np.abs(frozen.tensor(f"{product.name}.bias") * unit - bias)
            assert (error <= unit * 0.5 + np.abs(bias) * 2.0**-30).all()


def output_scales(frozen: TensorModel, scales: SiteScales, product: str) -> np.ndarray | float:
    config, integer_scales = frozen.config, frozen.integer_scales
    assert integer_scales is not None
    if product == OUTPUT:
        return integer_scales.logits
    name, _, role = product.rpartition(".")
    if role in ("query", "key", "value"):
        site = {"query": "queries", "key": "keys", "value": "values"}[role]
        return np.repeat(scales.heads[f"{name}.{site}"], config.head_dim)
    return scales.inputs[f"{name}.hidden"] if role == "inner" else scales.residual(name.partition(".")[0])


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    input_scale=st.floats(1e-3, 1e6),
    output_scale=st.floats(1e-3, 1e6),
    size=st.floats(-12, 1),
    bias_size=st.floats(-6, 4),
)
def test_factors_of_products(
    seed: int, input_scale: float, output_scale: float, size: float, bias_size: float
) -> None:
    """In 15 bits, within 2^-30; rows too small for legal ones, zeros among them, get larger steps."""
    random = np.random.default_rng(seed)
    largest = 40 * input_scale / output_scale * 10.0**size
    weight = largest * random.uniform(-1, 1, (6, 8)) * 10.0 ** -random.uniform(0, 12, (6, 1))
    weight[2] = 0
    bias = random.normal(0, 10.0**bias_size / output_scale, 6)
    product = ScaledProduct("p", bias, input_scale, np.full(6, output_scale))
    steps = row_steps(weight, product.least_step())
    exact = exact_steps(steps, product.factor_unit())
    assert ((exact >= steps * (1 - 1e-15)) & (exact <= steps * (1 + 2.0**-14))).all()
    if (exact * output_scale / input_scale >= 64).any():
        return
    matrix = quantize_rows(weight, exact)
    found = product.tensors(matrix)
    real = np.ldexp(found["p.multiplier"].astype(float), -32 - found["p.shift"].astype(int))
    assert (np.abs(real / (exact * output_scale / input_scale) - 1) <= 2.0**-30).all()
    assert (found["p.multiplier"] >= 2**30).all()
    assert (found["p.multiplier"] % 2**16 == 0).all()
    assert (np.abs(found["p.bias"] * matrix.step / input_scale - bias) <= matrix.step / input_scale).all()


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    width=st.sampled_from([1, 16, 256, 1024, 16384]),
    site_scale=st.floats(0.1, 1e3),
    bias_size=st.floats(0, 10),
)
def test_norms_come_out_at_the_scale_of_their_site(
    seed: int, width: int, site_scale: float, bias_size: float
) -> None:
    random = np.random.default_rng(seed)
    gain, bias = random.normal(1, 0.3, width), random.normal(0, bias_size, width)
    limit = norm_weight_limits(width)[1]
    try:
        found = freeze_norm("n", gain, bias, site_scale)
    except QuantizationError:
        assert np.abs(gain).max() / DEVIATION_RATIO * site_scale > limit * 256
        return
    shift = int(found["n.shift"][0])
    scale = math.ldexp(site_scale, shift - 10)
    step = DEVIATION_RATIO / scale
    assert (np.abs(found["n.weight"] * step - gain) <= 0.51 * step).all()
    assert (np.abs(found["n.bias"] / scale / 1024 - bias) <= 0.51 / scale / 1024).all()
    assert np.abs(found["n.weight"]).max() <= limit
    gains, biases = np.abs(gain).max() / DEVIATION_RATIO * scale, np.abs(bias).max() * scale * 1024
    assert shift == 22 or gains * 2 > limit - 1 or biases * 2 > 2**29 - 2  # no more levels are to be had


def test_polynomials_of_heads() -> None:
    config = configured({})
    scales = observed(float_model(config))
    name = "decoder.layers.0.cross_attention"
    bias, delta = np.array([2.5, -0.75], np.float32), np.array([-0.125, 0.0], np.float32)
    changes = {f"{name}.polynomial.bias": bias, f"{name}.polynomial.delta": delta}
    frozen = freeze(float_model(config, **changes), scales)
    query, key, value = (np.array(scales.heads[f"{name}{site}"]) for site in HEAD_SITES)
    scores = query * key * math.sqrt(config.head_dim)
    found = frozen.tensor(f"{name}.polynomial.bias")
    assert (np.abs(found - bias * scores) <= 0.5).all()
    mantissa, shift = (frozen.tensor(f"{name}.polynomial.{part}") for part in ("delta", "delta_shift"))
    assert (mantissa[1], shift[1]) == (0, 1)
    assert np.ldexp(float(mantissa[0]), -int(shift[0])) == pytest.approx(0.125 * scores[0] ** 3 / 2**30)
    gain = np.ldexp(
        frozen.tensor(f"{name}.context_multiplier").astype(float), frozen.tensor(f"{name}.context_exponent")
    )
    assert gain == pytest.approx(scales.inputs[f"{name}.context"] / value)


@pytest.mark.parametrize("side", ["encoder", "decoder"])
def test_embeddings_are_in_the_scale_of_the_stream(side: str) -> None:
    config = configured({})
    model = float_model(config)
    scales = observed(model)
    frozen = freeze(model, scales)
    integers = frozen.tensor("encoder.embedding.weight") * real_factors(frozen, f"{side}.embedding")[:, None]
    expected = model.tensor("encoder.embedding.weight") * math.sqrt(config.d_model) * scales.residual(side)
    assert (np.abs(integers - expected) <= np.abs(expected).max(axis=1, keepdims=True) / 253).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"norm": "post"}, "the model has norm = post; only pre-norm models"),
        ({"activation": "silu"}, "the model has activation = silu"),
        ({"embedding_norm": True}, "the model has embedding_norm = true"),
        ({"norm_function": "layer-norm"}, "the model has norm_function = layer-norm"),
    ],
)
def test_models_that_do_not_run_in_integers(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(QuantizationError, match=message):
        freeze(float_model(configured(changes)), SiteScales({}, {}, 1.0, 1.0))


def test_softmax_and_quantized_models_are_refused() -> None:
    none = SiteScales({}, {}, 1.0, 1.0)
    with pytest.raises(QuantizationError, match="the model has attention = softmax"):
        freeze(float_model(tiny_config()), none)
    model = float_model(configured({}))
    with pytest.raises(QuantizationError, match=r"quantized already \(integer\)"):
        freeze(freeze(model, observed(model)), none)


def test_nan_is_named() -> None:
    config = configured({})
    scales = observed(float_model(config))
    name = "encoder.layers.1.feed_forward.inner.weight"
    spoilt = random_tensors(config)[name]
    spoilt[3, 2] = np.nan
    with pytest.raises(QuantizationError, match=f"{name}: row 3 holds NaN or infinity"):
        freeze(float_model(config, **{name: spoilt}), scales)


def test_scales_that_do_not_fit_are_named() -> None:
    model = float_model(configured({}))
    scales = observed(model)
    with pytest.raises(QuantizationError, match=r"decoder\.output: scale 0\.0; a scale is positive"):
        dataclasses.replace(scales, inputs={**scales.inputs, "decoder.output": 0.0})
    inputs = dict(scales.inputs)
    del inputs["encoder.output"]
    with pytest.raises(QuantizationError, match=r"encoder\.output: has no scale"):
        freeze(model, dataclasses.replace(scales, inputs=inputs))
    heads = {**scales.heads, "encoder.layers.0.self_attention.keys": (1.0,)}
    with pytest.raises(QuantizationError, match="needs one scale for each of 2 heads"):
        freeze(model, dataclasses.replace(scales, heads=heads))
    hidden = {**scales.inputs, "encoder.layers.0.feed_forward.hidden": 1e9}
    with pytest.raises(QuantizationError, match=r"product encoder\.layers\.0\.feed_forward\.inner: row 0"):
        freeze(model, dataclasses.replace(scales, inputs=hidden))
    context = {**scales.inputs, "encoder.layers.0.self_attention.context": 1e6}
    with pytest.raises(QuantizationError, match=r"context_multiplier: .* of head 0 is out of range"):
        freeze(model, dataclasses.replace(scales, inputs=context))
    norm = {**scales.inputs, "encoder.layers.0.feed_forward.input": 1e12}
    with pytest.raises(QuantizationError, match=r"feed_forward\.norm: its gains or biases"):
        freeze(model, dataclasses.replace(scales, inputs=norm))


@pytest.mark.parametrize("size", [0.0, 1e-33])
def test_an_output_of_nothing_has_a_legal_scale(size: float) -> None:
    config = configured(VARIANTS[3])
    drawn = random_tensors(config)
    for name in ("output.weight", "output.bias"):
        drawn[name] *= np.float32(size)
    model = TensorModel(config, Scheme.NONE, drawn)
    frozen = freeze(model, observed(model, 1))
    assert frozen.integer_scales is not None
    assert frozen.integer_scales.logits == 2.0**100
    assert not IntegerSimulation(frozen).logits([5, 9], [7]).any()


@pytest.mark.parametrize("size", [1e-34, 1e35])
def test_a_stream_beyond_every_scale_is_named(size: float) -> None:
    config = configured({"shared_embeddings": False, "tied_output": False, "positions": "learned"})
    drawn = random_tensors(config)
    for name, array in drawn.items():
        if re.match(r"decoder.*(embedding|positions|\.output\.|outer)", name):
            array *= np.float32(size)
    model = TensorModel(config, Scheme.NONE, drawn)
    with pytest.raises(QuantizationError, match=r"decoder residual: scale .*: must be from .* retrain"):
        freeze(model, observed(model, 1))


@pytest.mark.parametrize("seed", range(4))
def test_the_engine_opens_models_whose_rows_are_far_apart(seed: int) -> None:
    config = configured(VARIANTS[seed])
    drawn, random = random_tensors(config, seed=seed), np.random.default_rng(seed)
    for array in drawn.values():
        if array.ndim == 2:
            array *= (10.0 ** random.uniform(-6, 2, (len(array), 1))).astype(np.float32)
            array[random.integers(len(array))] = 0
    model = TensorModel(config, Scheme.NONE, drawn)
    frozen = freeze(model, observed(model, 1, Method.NAIVE))
    scales = frozen.integer_scales
    assert scales is not None
    found = Engine(frozen, precision="integer", threads=1).logits(np.array([5, 9]), np.array([7]))
    expected = IntegerSimulation(frozen).logits([5, 9], [7])
    np.testing.assert_array_equal(found, expected.astype(np.float32) * np.float32(1 / scales.logits))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), bias=st.floats(-8, 9), delta=st.floats(-30, 9), loud=st.floats(-4, 1))
def test_any_model_has_legal_scales(seed: int, bias: float, delta: float, loud: float) -> None:
    """Also one whose heads are dead, whose polynomials are huge, or whose rows are zeros."""
    config = configured({})
    drawn = random_tensors(config, seed=seed)
    for name, array in drawn.items():
        if name.endswith("polynomial.bias"):
            array *= np.float32(10.0**bias)
        if name.endswith("polynomial.delta"):
            array *= np.float32(10.0**delta)
        if name.endswith(("query.weight", "value.weight", "inner.weight")):
            array *= np.float32(10.0**loud)
            array[: len(array) // 2] = 0
    model = TensorModel(config, Scheme.NONE, drawn)
    freeze(model, observed(model, 1, Method.NAIVE))
