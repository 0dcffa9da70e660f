"""The simulation against the PyTorch reference, and its integers against literal loops."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from octavo.artifact.positions import position_table
from octavo.errors import QuantizationError
from octavo.model.architecture import OUTPUT, output_weight_name, products
from octavo.model.config import ModelConfig
from octavo.model.plan import QuantizationPlan, Static, dynamic_plan
from octavo.model.scheme import Scheme
from octavo.model.tensor_table import weight_shapes
from octavo.quantization import QuantizedWeights, TensorModel
from octavo.quantization.activations import quantize_activation
from octavo.simulation import Simulation
from octavo.simulation.binary32 import fma
from octavo.simulation.transformer import SimulationResult

from ..float_models import CONFIGS, INT8_CHOICES, float32_products, random_model
from ..models import integer_config, random_tensors
from .observing import min_max_plan, observe

SOURCE, TARGET = [5, 9, 22, 4, 17, 11, 8], [7, 3, 19, 20, 6]


def int8_model(model: TensorModel) -> TensorModel:
    return QuantizedWeights(model).model()


def planned_model(model: TensorModel, int8: str) -> TensorModel:
    """Static, ranges from the very sentences that the tests run."""
    _, seen = observe(model, SOURCE, TARGET)
    plan = min_max_plan(model.config, seen, float32_products(model.config, int8))
    return QuantizedWeights(model).model(plan)


def dequantized(model: TensorModel) -> TensorModel:
    """The float model whose weights are exactly those of an int8 one."""
    tensors = {name: array for name, array in model.tensors.items() if not name.endswith("_scale")}
    for name, _ in weight_shapes(model.config):
        scale = model.tensors[f"{name}_scale"].astype(np.float64)[:, None]
        tensors[name] = (model.tensors[name] * scale).astype(np.float32)
    return TensorModel(model.config, Scheme.NONE, tensors)


def reference_logits(model: TensorModel) -> np.ndarray:
    """Teacher-forced logits of the PyTorch reference in float64."""
    torch = pytest.importorskip("torch")
    from octavo.reference import from_arrays

    config = model.config
    source = torch.tensor([SOURCE + [config.eos_id] * config.source_eos])
    target = torch.tensor([[config.decoder_start_id, *TARGET]])
    transformer = from_arrays(config, model.tensors).double()
    with torch.no_grad():
        return transformer(source, torch.tensor([source.shape[1]]), target)[0].numpy()


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def test_float32_equals_the_reference_within_rounding(float_model: TensorModel) -> None:
    result = Simulation(float_model).run(SOURCE, TARGET)
    assert result.products == ()
    assert result.logits.shape == (len(TARGET) + 1, float_model.config.target_vocab_size)
    assert result.logits.dtype == np.float32
    assert relative_error(result.logits, reference_logits(float_model)) < 3e-6


def test_int8_logits_are_close_to_float_logits(float_model: TensorModel) -> None:
    result = Simulation(int8_model(float_model)).run(SOURCE, TARGET)
    assert relative_error(result.logits, reference_logits(float_model)) < 0.05


def test_int8_error_comes_from_activations_once_weights_agree(float_model: TensorModel) -> None:
    """Against a float model of the very same weights only the activations' 8 bits per token remain."""
    quantized = int8_model(float_model)
    expected = reference_logits(dequantized(quantized))
    assert relative_error(Simulation(quantized).run(SOURCE, TARGET).logits, expected) < 0.03


def product_names(config: ModelConfig) -> set[str]:
    products = {name.removesuffix(".weight") for name, _ in weight_shapes(config) if "embedding" not in name}
    return products | {"output"}


def check_products(model: TensorModel, result: SimulationResult) -> None:
    """Every accumulator is the integer product of the recorded input and the stored weight."""
    steps = len(TARGET) + 1
    rows = {"encoder": len(SOURCE) + model.config.source_eos, "decoder": steps, "output": steps}
    for product in result.products:
        tied = product.name == "output" and model.config.tied_output
        weight = model.tensors[output_weight_name(model.config) if tied else f"{product.name}.weight"]
        over_memory = "cross_attention.key" in product.name or "cross_attention.value" in product.name
        assert len(product.input) == rows["encoder" if over_memory else product.name.split(".")[0]]
        assert product.input.dtype == np.uint8 and product.input.min() >= 1
        assert product.row_scale.shape == product.input.shape[:1]
        expected = (product.input.astype(np.int64) - 128) @ weight.astype(np.int64).T
        assert product.accumulators.dtype == np.int32
        np.testing.assert_array_equal(product.accumulators, expected)


def test_trace_holds_every_product_once(float_model: TensorModel) -> None:
    model = int8_model(float_model)
    result = Simulation(model).run(SOURCE, TARGET)
    names = [product.name for product in result.products]
    assert len(names) == len(set(names))
    assert set(names) == product_names(model.config)
    check_products(model, result)


def test_logits_are_the_last_products_epilogue(float_model: TensorModel) -> None:
    """y = fma(acc, row_scale * weight_scale, bias), recomputed from the trace."""
    model = int8_model(float_model)
    result = Simulation(model).run(SOURCE, TARGET)
    last = result.products[-1]
    scale = model.tensors[f"{output_weight_name(model.config)}_scale"]
    bias = model.tensors["output.bias"] if model.config.output_bias else np.float32(0)
    expected = fma(last.accumulators.astype(np.float32), last.row_scale[:, None] * scale, bias)
    np.testing.assert_array_equal(result.logits, expected)


@pytest.mark.parametrize("scheme", [Scheme.NONE, Scheme.INT8_DYNAMIC, Scheme.INT8])
def test_a_step_never_sees_later_tokens(float_model: TensorModel, scheme: Scheme) -> None:
    """Bit-equal: the rows of a longer target begin with those of a shorter one."""
    models = {
        Scheme.NONE: lambda: float_model,
        Scheme.INT8_DYNAMIC: lambda: int8_model(float_model),
        Scheme.INT8: lambda: planned_model(float_model, "all"),
    }
    simulation = Simulation(models[scheme]())
    whole = simulation.run(SOURCE, TARGET).logits
    for length in (0, 3):
        np.testing.assert_array_equal(simulation.run(SOURCE, TARGET[:length]).logits, whole[: length + 1])


@pytest.mark.parametrize("int8", INT8_CHOICES)
def test_static_logits_are_close_to_float_logits(float_model: TensorModel, int8: str) -> None:
    """Whatever is left in float32. Ranges are affine, so most zero points are odd numbers."""
    result = Simulation(planned_model(float_model, int8)).run(SOURCE, TARGET)
    assert relative_error(result.logits, Simulation(float_model).run(SOURCE, TARGET).logits) < 0.08


@pytest.mark.parametrize("int8", INT8_CHOICES)
def test_static_products_equal_plain_loops(float_model: TensorModel, int8: str) -> None:
    """Each input rounded, each sum taken element by element, zero points exact."""
    model = planned_model(float_model, int8)
    config, plan = model.config, model.plan
    site_of = {product.name: product.sites[0] for product in products(config)}
    result, inputs = observe(model, SOURCE, TARGET)
    assert {product.name for product in result.products} == product_names(config) - plan.float32
    for product in result.products:
        how = plan.inputs[site_of[product.name]]
        inverse = np.float32(1) / np.float32(how.scale)
        z = how.zero_point
        expected = [
            [z + round(min(255.0 - z, max(-float(z), float(v * inverse)))) for v in row]
            for row in inputs[product.name]
        ]
        assert product.input.tolist() == expected
        assert set(product.row_scale.tolist()) == {how.scale}
        name = output_weight_name(config) if product.name == OUTPUT else f"{product.name}.weight"
        weight = model.tensors[name].astype(np.int64)
        np.testing.assert_array_equal(product.accumulators, (np.array(expected) - z) @ weight.T)
        assert product.accumulators.dtype == np.int32


def test_static_logits_are_the_last_products_epilogue(float_model: TensorModel) -> None:
    """One scale times the weight's, rounded once, in one fma."""
    model = planned_model(float_model, "weights")
    result = Simulation(model).run(SOURCE, TARGET)
    how = model.plan.inputs["decoder.output"]
    multiplier = np.float32(how.scale) * model.tensors[f"{output_weight_name(model.config)}_scale"]
    bias = model.tensors["output.bias"] if model.config.output_bias else np.float32(0)
    expected = fma(result.products[-1].accumulators.astype(np.float32), multiplier, bias)
    np.testing.assert_array_equal(result.logits, expected)


def test_a_stated_dynamic_plan_is_the_dynamic_scheme(float_model: TensorModel) -> None:
    weights = QuantizedWeights(float_model)
    stated = weights.model(dynamic_plan(float_model.config))
    assert (stated.scheme, weights.model().scheme) == (Scheme.INT8, Scheme.INT8_DYNAMIC)
    expected = Simulation(weights.model()).run(SOURCE, TARGET).logits
    np.testing.assert_array_equal(Simulation(stated).run(SOURCE, TARGET).logits, expected)


def test_nothing_in_int8_is_the_float_model(float_model: TensorModel) -> None:
    """Bit-equal where the embeddings are the output's matrix; others stay int8 and cost a little."""
    config = float_model.config
    every = frozenset(product.name for product in products(config))
    result = Simulation(QuantizedWeights(float_model).model(QuantizationPlan(every, {}, {}))).run(
        SOURCE, TARGET
    )
    expected = Simulation(float_model).run(SOURCE, TARGET).logits
    assert result.products == ()
    if config.shared_embeddings and config.tied_output:
        np.testing.assert_array_equal(result.logits, expected)
    else:
        assert 0 < relative_error(result.logits, expected) < 0.03


@pytest.mark.parametrize("how", [Static(0.03, 140), None])
def test_readers_of_one_site_take_the_form_they_need(float_model: TensorModel, how: Static | None) -> None:
    """Of all that reads the encoder's output only one key projection does so in int8."""
    config = float_model.config
    key = "decoder.layers.0.cross_attention.key"
    others = frozenset(product.name for product in products(config)) - {key}
    plan = QuantizationPlan(others, {"encoder.output": how}, {})
    model = QuantizedWeights(float_model).model(plan)
    result, inputs = observe(model, SOURCE, TARGET)
    assert [product.name for product in result.products] == [key]
    memory = inputs["decoder.layers.0.cross_attention.value"]
    assert memory.dtype == np.float32
    np.testing.assert_array_equal(inputs[key], memory)
    np.testing.assert_array_equal(result.products[0].input, quantize_activation(memory, how).values)


def test_embedding_is_one_fma_of_row_scale_and_position() -> None:
    """Post-norm without embedding norm: the first product's input is the embedding itself."""
    config = dataclasses.replace(CONFIGS["interleaved"], embedding_norm=False)
    model = int8_model(random_model(config))
    first = Simulation(model).run(SOURCE, TARGET).products[0]
    rows = model.tensors["encoder.embedding.weight"][[*SOURCE, config.eos_id]].astype(np.float32)
    scale = model.tensors["encoder.embedding.weight_scale"][[*SOURCE, config.eos_id]]
    positions = position_table(config)[config.position_offset :][: len(rows)]
    expected = quantize_activation(fma(rows * scale[:, None], np.float32(1), positions))
    np.testing.assert_array_equal(first.input, expected.values)
    np.testing.assert_array_equal(first.row_scale, expected.row_scale)


def test_activation_rows_follow_the_written_rule() -> None:
    """Element by element in Python: scale, clamp, ties to even, offset 128."""
    random = np.random.default_rng(3)
    x = (random.normal(size=(6, 33)) * 10.0 ** random.integers(-20, 20, (6, 1))).astype(np.float32)
    x[4], x[5] = 0, np.float32(9e-31)
    x[0, :4] = [127, 0.5, 1.5, -2.5]
    x[0, 4:] = 0
    found = quantize_activation(x)
    for row, values, scale in zip(x, found.values, found.row_scale, strict=True):
        largest = np.max(np.abs(row))
        assert scale == (largest / np.float32(127) if largest >= 1e-30 else 0)
        inverse = np.float32(127) / largest if largest >= 1e-30 else np.float32(0)
        assert values.tolist() == [128 + round(min(127.0, max(-127.0, float(v * inverse)))) for v in row]
    assert found.values[0, :4].tolist() == [255, 128, 130, 126]


@pytest.mark.parametrize("name", ["base", "marian", "interleaved"])
def test_positions_are_read_from_the_offset(name: str) -> None:
    """One position further on is another result; the model's own offset is what the reference has."""
    config = CONFIGS[name]
    moved = dataclasses.replace(config, position_offset=config.position_offset + 1)
    tensors = random_model(config).tensors
    here, there = (Simulation(TensorModel(c, Scheme.NONE, tensors)).run(SOURCE, []) for c in (config, moved))
    assert relative_error(there.logits, here.logits) > 1e-3


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ([50], [], r"source: token 50 lies outside the vocabulary of 50"),
        ([1], [-1], r"target: token -1 lies outside"),
        ([1] * 40, [], r"source: 41 tokens; the model takes 1 to 40"),
        ([1], [1] * 40, r"target: 41 tokens"),
    ],
)
def test_bad_tokens_are_refused(source: list[int], target: list[int], message: str) -> None:
    with pytest.raises(QuantizationError, match=message):
        Simulation(random_model(CONFIGS["base"])).run(source, target)


def test_an_integer_transformer_is_refused() -> None:
    with pytest.raises(QuantizationError, match="the model has attention = polynomial; only models with"):
        Simulation(TensorModel(integer_config(), Scheme.NONE, random_tensors(integer_config())))


def test_empty_source_is_refused_where_no_eos_is_appended() -> None:
    with pytest.raises(QuantizationError, match="source: 0 tokens"):
        Simulation(random_model(CONFIGS["fairseq"])).run([], TARGET)
