"""Integer precision against the numpy simulation, bit for bit, and what it refuses."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.engine import Engine, EngineError, SearchOptions, cpu_report
from octavo.model.config import ModelConfig, PolynomialSharing, Positions
from octavo.model.scheme import Scheme
from octavo.quantization import TensorModel
from octavo.simulation import IntegerSimulation
from octavo.simulation.integer_transformer import IntegerResult

from ..integer.integer_models import random_integer_model
from ..models import integer_config, random_tensors, tiny_config, write_tiny_model

ISAS = cpu_report()["available"]
CONFIGS = {
    "plain": integer_config(),
    "degree 1, one head": integer_config(polynomial_degree=1, attention_heads=1, scale_embeddings=False),
    "degree 2, learned positions, shared polynomials": integer_config(
        polynomial_degree=2,
        polynomial_sharing=PolynomialSharing.LAYER,
        positions=Positions.LEARNED,
        position_offset=2,
        source_eos=False,
    ),
    "degree 4, untied, output bias": integer_config(
        polynomial_degree=4,
        source_vocab_size=80,
        shared_embeddings=False,
        tied_output=False,
        output_bias=True,
        positions=Positions.INTERLEAVED,
    ),
    "odd sizes": integer_config(
        d_model=42, ffn_dim=77, attention_heads=3, encoder_layers=1, decoder_layers=3, output_bias=True
    ),
}
LOUDNESS = (0.2, 1.0, 3.9)  # the last drives values into their limits
SOURCE = np.array([7, 30, 12, 9, 55, 8, 41], np.int32)
PYTORCH = "`octavo evaluate --engine pytorch` runs it"
TARGET = np.array([11, 60, 4, 33, 21], np.int32)
LONG = np.arange(4, 60, dtype=np.int32)  # more positions than a page has


@pytest.fixture(scope="module", params=[(c, loudness) for c in CONFIGS for loudness in LOUDNESS], ids=str)
def model(request: pytest.FixtureRequest) -> TensorModel:
    config, loudness = request.param
    return random_integer_model(CONFIGS[config], seed=3, loudness=loudness)


@pytest.fixture(scope="module")
def simulation(model: TensorModel) -> IntegerResult:
    return IntegerSimulation(model).run(SOURCE.tolist(), TARGET.tolist())


def scores(model: TensorModel, logits: np.ndarray) -> np.ndarray:
    """Integer logits as the search sees them."""
    assert model.integer_scales is not None
    return logits.astype(np.float32) * np.float32(1 / model.integer_scales.logits)


def open_engine(model: TensorModel | ModelDirectory, **arguments) -> Engine:
    return Engine(model, precision="integer", threads=arguments.pop("threads", 1), **arguments)


@pytest.mark.parametrize("isa", ISAS)
def test_logits_and_sums_equal_the_simulation(
    model: TensorModel, simulation: IntegerResult, isa: str
) -> None:
    engine = open_engine(model, isa=isa)
    np.testing.assert_array_equal(engine.logits(SOURCE, TARGET), scores(model, simulation.logits))
    traced = engine.trace(SOURCE, TARGET)
    assert {product.name for product in traced} == {product.name for product in simulation.products}
    for product in simulation.products:
        steps = [step for step in traced if step.name == product.name]
        assert all(step.row_scale.size == 0 for step in steps)
        for found, expected in (("input", product.input), ("accumulators", product.sums)):
            rows = np.concatenate([getattr(step, found) for step in steps])
            np.testing.assert_array_equal(rows, expected, err_msg=f"{product.name}: {found}")


@pytest.mark.parametrize("isa", ISAS)
def test_long_sentences_equal_the_simulation(isa: str) -> None:
    model = random_integer_model(CONFIGS["plain"], seed=4)
    expected = IntegerSimulation(model).logits(LONG.tolist(), LONG[::-1].tolist())
    found = open_engine(model, isa=isa).logits(LONG, LONG[::-1])
    np.testing.assert_array_equal(found, scores(model, expected))


def test_pairs_of_a_batch_equal_those_alone() -> None:
    engine = open_engine(random_integer_model(CONFIGS["odd sizes"], seed=4))
    pairs = [(SOURCE, TARGET), (LONG, TARGET[:1]), (SOURCE[:1], LONG), (LONG[:17], SOURCE)]
    together = engine.forced_logits(*zip(*pairs, strict=True))
    for (source, target), found in zip(pairs, together, strict=True):
        np.testing.assert_array_equal(found, engine.logits(source, target))


def test_a_model_directory_runs_in_integers(tmp_path) -> None:
    model = ModelDirectory.open(write_tiny_model(tmp_path / "model", scheme=Scheme.INTEGER))
    expected = IntegerSimulation(model).logits(SOURCE.tolist(), TARGET.tolist())
    np.testing.assert_array_equal(open_engine(model).logits(SOURCE, TARGET), scores(model, expected))


def float_model(config: ModelConfig, scheme: Scheme = Scheme.NONE) -> TensorModel:
    return TensorModel(config, scheme, random_tensors(config, scheme), path="a model")


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_a_model_of_integers_runs_in_nothing_else(precision) -> None:
    model = random_integer_model(CONFIGS["plain"])
    message = f"holds integers only; run it in integer, not in {precision}$"
    with pytest.raises(EngineError, match=message):
        Engine(model, precision=precision)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            float_model(tiny_config()),
            "a model: has attention = softmax, which does not run in integer; run it in float32",
        ),
        (
            float_model(tiny_config(), Scheme.INT8_DYNAMIC),
            "a model: has attention = softmax, which does not run in integer; run it in int8 or float32",
        ),
        (
            float_model(integer_config(embedding_norm=True)),
            f"a model: has embedding_norm = true, which does not run in integer; {PYTORCH}",
        ),
        (
            float_model(integer_config()),
            "a model: is a floating-point model; for integer, run `octavo quantize`",
        ),
    ],
    ids=["softmax", "int8", "with an obstacle", "not quantized"],
)
def test_other_models_do_not_run_in_integer(model: TensorModel, message: str) -> None:
    with pytest.raises(EngineError) as refused:
        open_engine(model)
    assert str(refused.value) == message


QUERY = "encoder.layers.1.self_attention.query"
CROSS = "decoder.layers.0.cross_attention"


@pytest.mark.parametrize(
    ("tensor", "value", "message"),
    [
        (f"{QUERY}.bias", 2**31 - 1, f"{QUERY}: sums could leave int32, output 0 first"),
        (f"{QUERY}.bias", -(2**31), f"{QUERY}: sums could leave int32"),
        (
            f"{QUERY}.multiplier",
            0,
            f"'{QUERY}.multiplier' holds 0, which is not within 1073741824 to 2147483647",
        ),
        (f"{QUERY}.multiplier", 2**30 - 1, "holds 1073741823, which is not within"),
        (f"{QUERY}.shift", -8, f"'{QUERY}.shift' holds -8, which is not within -7 to 22"),
        (f"{QUERY}.shift", 23, "holds 23, which is not within -7 to 22"),
        ("decoder.embedding.multiplier", 0, "'decoder.embedding.multiplier' holds 0"),
        ("encoder.embedding.shift", -17, "holds -17, which is not within -16 to 22"),
        ("encoder.embedding.weight", -128, "holds -128, which is not within -127 to 127"),
        ("encoder.norm.shift", 0, "'encoder.norm.shift' holds 0, which is not within 1 to 22"),
        ("encoder.norm.weight", 32767, None),
        ("encoder.norm.bias", 2**29, "holds 536870912, which is not within -536870911 to 536870911"),
        (f"{CROSS}.polynomial.bias", 2**30, "holds 1073741824, which is not within"),
        (f"{CROSS}.polynomial.delta", 5, f"{CROSS}.polynomial.delta: 5 is neither 0 nor a mantissa"),
        (f"{CROSS}.polynomial.delta_shift", 0, "holds 0, which is not within 1 to 127"),
        (f"{CROSS}.context_multiplier", 7, "holds 7, which is not within"),
        (f"{CROSS}.context_exponent", -25, "holds -25, which is not within -127 to -26"),
        (f"{CROSS}.context_exponent", -26, f"{CROSS}.context_multiplier: head 0 scales by more than 16"),
    ],
)
def test_tensors_that_could_overflow_are_refused(tensor: str, value: int, message: str | None) -> None:
    """Also of a model that no file was checked of."""
    model = random_integer_model(CONFIGS["plain"])
    damaged = np.full_like(model.tensors[tensor], value)
    model = dataclasses.replace(model, tensors={**model.tensors, tensor: damaged})
    if message is None:
        assert open_engine(model).translate([SOURCE], SearchOptions())
        return
    with pytest.raises(EngineError) as refused:
        open_engine(model)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("tensor", "replacement", "message"),
    [
        (f"{QUERY}.bias", np.zeros(16, np.float32), f"tensor '{QUERY}.bias' is not int32"),
        (f"{QUERY}.weight", np.zeros((16, 16), np.int32), f"tensor '{QUERY}.weight' is not int8"),
        (f"{QUERY}.weight", np.zeros((16, 15), np.int8), "has 240 elements, not 256"),
        (f"{QUERY}.shift", np.zeros(15, np.int8), "has 15 elements, not 16"),
        ("encoder.norm.weight", np.ones(16, np.int64), "is neither float32 nor int8, int16 or int32"),
    ],
    ids=["type", "type of a matrix", "size of a matrix", "size", "unknown type"],
)
def test_tensors_of_another_shape_or_type_are_refused(
    tensor: str, replacement: np.ndarray, message: str
) -> None:
    model = random_integer_model(CONFIGS["plain"])
    model = dataclasses.replace(model, tensors={**model.tensors, tensor: replacement})
    with pytest.raises(EngineError) as refused:
        open_engine(model)
    assert message in str(refused.value)


def test_products_that_could_overflow_are_refused() -> None:
    """By several tensors together."""
    plain = random_integer_model(CONFIGS["odd sizes"])
    product = "encoder.layers.0.feed_forward.outer"

    def refusal(**changes: np.ndarray) -> str:
        tensors = {name.replace("__", "."): tensor for name, tensor in changes.items()}
        with pytest.raises(EngineError) as refused:
            open_engine(dataclasses.replace(plain, tensors={**plain.tensors, **tensors}))
        return str(refused.value)

    assert "output: results could reach " in refusal(output__bias=np.full(96, 2**28, np.int32))
    shifts = np.full(42, 22, np.int8)
    shifts[7] = -7
    changes = {f"{product}.bias": np.full(42, 2**24, np.int32), f"{product}.shift": shifts}
    message = f"{product}: sums could leave int32 where they are re-scaled, output 7 first"
    assert message in refusal(**changes)


@pytest.mark.parametrize("isa", ISAS)
def test_factors_far_apart_equal_the_simulation(isa: str) -> None:
    """Of logits, where a token that is never used may have a factor near 0, and of what has a zero point."""
    model = random_integer_model(CONFIGS["odd sizes"], seed=6)
    tensors, random = dict(model.tensors), np.random.default_rng(6)
    for product, least in (("output", -3), (QUERY.replace("1", "0"), -7), (f"{CROSS}.value", -7)):
        shifts = random.integers(least, 23, tensors[f"{product}.shift"].size).astype(np.int8)
        shifts[:2] = least, 22
        tensors[f"{product}.shift"] = shifts
    model = dataclasses.replace(model, tensors=tensors)
    expected = IntegerSimulation(model).logits(SOURCE.tolist(), TARGET.tolist())
    assert (expected[:, 0] != 0).all()
    np.testing.assert_array_equal(open_engine(model, isa=isa).logits(SOURCE, TARGET), scores(model, expected))


def test_observation_needs_floats() -> None:
    engine = open_engine(random_integer_model(CONFIGS["plain"]))
    with pytest.raises(EngineError, match="only a model that runs in float32 can be observed"):
        engine.observe([SOURCE], [TARGET], lambda _site, _rows: None)
