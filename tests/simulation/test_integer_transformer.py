"""The static forward pass equals plain Python integers, bit for bit."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.integer.integer_models import random_integer_model
from tests.models import integer_config, random_tensors
from tests.simulation.plain_forward import PlainForward

from octavo.errors import QuantizationError
from octavo.model.architecture import OUTPUT, output_weight_name
from octavo.model.config import ModelConfig, Positions
from octavo.model.scheme import Scheme
from octavo.quantization import TensorModel
from octavo.simulation import IntegerSimulation

SOURCE, TARGET = [7, 20, 11, 9], [5, 17, 8]


def small_config(**changes: object) -> ModelConfig:
    sizes = {"d_model": 8, "ffn_dim": 12, "encoder_layers": 1, "decoder_layers": 2}
    return integer_config(**sizes | {"source_vocab_size": 24, "target_vocab_size": 24} | changes)


CONFIGS = {
    "plain": small_config(),
    "degree 1, one head": small_config(polynomial_degree=1, attention_heads=1),
    "degree 2, learned": small_config(polynomial_degree=2, positions=Positions.LEARNED, position_offset=2),
    "degree 4, untied": small_config(
        polynomial_degree=4,
        shared_embeddings=False,
        tied_output=False,
        output_bias=True,
        target_vocab_size=29,
        source_eos=False,
        positions=Positions.INTERLEAVED,
    ),
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("loudness", [0.05, 1.0, 6.0])
def test_logits_and_sums_equal_plain_integers(config: ModelConfig, loudness: float) -> None:
    model = random_integer_model(config, seed=3, loudness=loudness)
    result = IntegerSimulation(model).run(SOURCE, TARGET)
    expected = PlainForward(model)
    assert result.logits.tolist() == expected.logits(SOURCE, TARGET)
    assert result.logits.dtype == np.int32
    assert {product.name: product.sums.tolist() for product in result.products} == expected.sums


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([4, 8, 12]),
    st.sampled_from([1, 2, 4]),
    st.integers(1, 4),
    st.floats(0.01, 20),
    st.lists(st.integers(0, 23), min_size=1, max_size=6),
    st.lists(st.integers(0, 23), max_size=4),
)
def test_any_small_model_equals_plain_integers(
    seed: int, width: int, heads: int, degree: int, loudness: float, source: list[int], target: list[int]
) -> None:
    config = small_config(
        d_model=width, attention_heads=heads, polynomial_degree=degree, ffn_dim=5, decoder_layers=1
    )
    model = random_integer_model(config, seed, loudness)
    assert IntegerSimulation(model).logits(source, target).tolist() == PlainForward(model).logits(
        source, target
    )


def test_products_are_those_of_the_model_in_order() -> None:
    """Each holds the input as the engine has it, and the sums are of that input."""
    model = random_integer_model(CONFIGS["degree 4, untied"])
    products = IntegerSimulation(model).run(SOURCE, TARGET).products
    assert products[-1].name == OUTPUT and len({p.name for p in products}) == len(products)
    for product in products:
        tensor = output_weight_name(model.config) if product.name == OUTPUT else f"{product.name}.weight"
        weight = model.tensors[tensor].astype(np.int64)
        sums = (product.input.astype(np.int64) - product.zero_point) @ weight.T
        assert product.zero_point == (0 if product.name.endswith("outer") else 128)
        np.testing.assert_array_equal(product.sums, sums + model.tensors[f"{product.name}.bias"])


def test_a_step_never_sees_later_tokens() -> None:
    simulation = IntegerSimulation(random_integer_model(CONFIGS["plain"]))
    whole = simulation.logits(SOURCE, TARGET)
    for length in (0, 2):
        np.testing.assert_array_equal(simulation.logits(SOURCE, TARGET[:length]), whole[: length + 1])


def changed(model: TensorModel, **tensors: np.ndarray) -> TensorModel:
    named = {name.replace("__", "."): tensor for name, tensor in tensors.items()}
    return dataclasses.replace(model, tensors={**model.tensors, **named})


def test_sums_that_leave_int32_are_refused() -> None:
    model = random_integer_model(CONFIGS["plain"])
    full = np.full(8, 2**31 - 1, np.int32)
    damaged = changed(model, encoder__layers__0__self_attention__query__bias=full)
    with pytest.raises(QuantizationError, match=r"query: a sum leaves int32"):
        IntegerSimulation(damaged).logits(SOURCE, TARGET)


def test_floats_are_refused() -> None:
    model = random_integer_model(CONFIGS["plain"])
    table = model.tensors["encoder.embedding.weight"].astype(np.float32)
    with pytest.raises(QuantizationError, match=r"encoder.embedding.weight: float32; .* integers only"):
        IntegerSimulation(changed(model, encoder__embedding__weight=table)).logits(SOURCE, TARGET)


def test_a_multiplier_of_zero_is_refused() -> None:
    model = random_integer_model(CONFIGS["plain"])
    zero = changed(model, output__multiplier=np.zeros(24, np.int32))
    with pytest.raises(QuantizationError, match="a scale is never zero"):
        IntegerSimulation(zero).logits(SOURCE, TARGET)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ([24], [], "source: token 24 lies outside the vocabulary of 24"),
        ([1], [-1], "target: token -1 lies outside"),
        ([1] * 64, [], "source: 65 tokens; the model takes 1 to 64"),
        ([1], [1] * 64, "target: 65 tokens"),
    ],
)
def test_bad_tokens_are_refused(source: list[int], target: list[int], message: str) -> None:
    with pytest.raises(QuantizationError, match=message):
        IntegerSimulation(random_integer_model(CONFIGS["plain"])).logits(source, target)


def test_a_float_model_is_refused() -> None:
    config = small_config()
    with pytest.raises(QuantizationError, match="scheme none; integer arithmetic runs one of integer"):
        IntegerSimulation(TensorModel(config, Scheme.NONE, random_tensors(config)))
