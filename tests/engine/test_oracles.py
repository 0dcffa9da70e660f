"""The engine against the PyTorch reference (by tolerance) and the numpy simulation (bit for bit)."""

from __future__ import annotations

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.engine import Engine, SearchOptions, cpu_report
from octavo.model.config import Activation, Mixer, NormFunction, NormPlacement, Positions
from octavo.model.scheme import Scheme
from octavo.quantization import QuantizedWeights, TensorModel
from octavo.simulation import Simulation
from octavo.simulation.transformer import SimulationResult

from ..models import tiny_config, write_tiny_model
from ..plans import PLANS, plan_for

ISAS = cpu_report()["available"]
CONFIGS = {
    "pre-norm": tiny_config(),
    "post-norm, Marian": tiny_config(
        norm=NormPlacement.POST, activation=Activation.SILU, output_bias=True, decoder_start_id=0
    ),
    "learned positions": tiny_config(
        positions=Positions.LEARNED, position_offset=2, activation=Activation.GELU, source_eos=False
    ),
    "separate vocabularies": tiny_config(
        source_vocab_size=80,
        shared_embeddings=False,
        tied_output=False,
        positions=Positions.INTERLEAVED,
        embedding_norm=True,
        scale_embeddings=False,
    ),
    "T5": tiny_config(
        norm_function=NormFunction.RMS,
        positions=Positions.NONE,
        relative_buckets=8,
        relative_distance=6,
        scale_embeddings=False,
        layer_norm_epsilon=1e-6,
    ),
    "MADLAD": tiny_config(
        d_model=18,
        attention_heads=3,
        attention_head_dim=16,
        gated=True,
        activation=Activation.GELU_TANH,
        norm_function=NormFunction.RMS,
        positions=Positions.NONE,
        relative_buckets=4,
        relative_distance=5,
        scale_embeddings=False,
        tied_output=False,
        decoder_layers=3,
        suppressed_ids=(),
        decoder_start_id=0,
    ),
    "post-norm, gated": tiny_config(
        gated=True, norm=NormPlacement.POST, norm_function=NormFunction.RMS, activation=Activation.SILU
    ),
    "odd sizes": tiny_config(
        d_model=42, ffn_dim=77, attention_heads=3, encoder_layers=1, decoder_layers=3, norm=NormPlacement.POST
    ),
    "student, Marian": tiny_config(
        norm=NormPlacement.POST,
        positions=Positions.TENSOR2TENSOR,
        output_bias=True,
        decoder_mixer=Mixer.SSRU,
        layer_norm_epsilon=1e-6,
    ),
    "SSRU, pre-norm": tiny_config(d_model=42, attention_heads=3, decoder_mixer=Mixer.SSRU),
}
SOURCE = np.array([7, 30, 12, 9, 55, 8, 41], np.int32)
TARGET = np.array([11, 60, 4, 33, 21], np.int32)


def make_model(tmp_path_factory: pytest.TempPathFactory, config: str, scheme: Scheme) -> ModelDirectory:
    path = tmp_path_factory.mktemp("model") / "model"
    return ModelDirectory.open(write_tiny_model(path, config=CONFIGS[config], scheme=scheme, seed=3))


@pytest.fixture(scope="module", params=CONFIGS)
def float_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModelDirectory:
    return make_model(tmp_path_factory, request.param, Scheme.NONE)


@pytest.fixture(scope="module", params=CONFIGS)
def int8_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModelDirectory:
    return make_model(tmp_path_factory, request.param, Scheme.INT8_DYNAMIC)


@pytest.fixture(scope="module")
def float_simulation(float_model: ModelDirectory) -> SimulationResult:
    return Simulation(float_model).run(SOURCE.tolist(), TARGET.tolist())


@pytest.fixture(scope="module", params=PLANS)
def plan_kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def planned_model(float_model: ModelDirectory, plan_kind: str) -> TensorModel:
    plan = plan_for(float_model.config, plan_kind, seed=len(str(float_model.config)))
    return QuantizedWeights(float_model).model(plan)


@pytest.fixture(scope="module")
def planned_simulation(planned_model: TensorModel) -> SimulationResult:
    return Simulation(planned_model).run(SOURCE.tolist(), TARGET.tolist())


@pytest.fixture(scope="module")
def int8_simulation(int8_model: ModelDirectory) -> SimulationResult:
    return Simulation(int8_model).run(SOURCE.tolist(), TARGET.tolist())


def assert_same_bits(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == expected.dtype == np.float32
    np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))


@pytest.mark.parametrize("isa", ISAS)
def test_float32_logits_equal_the_simulation(
    float_model: ModelDirectory, float_simulation: SimulationResult, isa: str
) -> None:
    engine = Engine(float_model, precision="float32", threads=1, isa=isa)
    assert_same_bits(engine.logits(SOURCE, TARGET), float_simulation.logits)


@pytest.mark.parametrize("isa", ISAS)
def test_int8_products_and_logits_equal_the_simulation(
    int8_model: ModelDirectory, int8_simulation: SimulationResult, isa: str
) -> None:
    assert_same_run(Engine(int8_model, precision="int8", threads=1, isa=isa), int8_simulation)


@pytest.mark.parametrize("isa", ISAS)
def test_planned_products_and_logits_equal_the_simulation(
    planned_model: TensorModel, planned_simulation: SimulationResult, isa: str
) -> None:
    assert_same_run(Engine(planned_model, precision="int8", threads=1, isa=isa), planned_simulation)


def assert_same_run(engine: Engine, simulation: SimulationResult) -> None:
    assert_same_bits(engine.logits(SOURCE, TARGET), simulation.logits)
    traced = engine.trace(SOURCE, TARGET)
    assert {product.name for product in traced} == {product.name for product in simulation.products}
    for product in simulation.products:
        steps = [step for step in traced if step.name == product.name]
        for field in ("input", "row_scale", "accumulators"):
            found = np.concatenate([getattr(step, field) for step in steps])
            np.testing.assert_array_equal(found, getattr(product, field), err_msg=f"{product.name}: {field}")


def test_products_are_traced_in_order_of_execution(int8_model: ModelDirectory) -> None:
    attention = ("key", "value", "query", "output")
    feed_forward = ("gate", "inner", "outer") if int8_model.config.gated else ("inner", "outer")
    encoder = [
        f"encoder.layers.{i}.{name}"
        for i in range(int8_model.config.encoder_layers)
        for name in (
            *(f"self_attention.{part}" for part in attention),
            *(f"feed_forward.{part}" for part in feed_forward),
        )
    ]
    config = int8_model.config
    ssru = config.decoder_mixer is Mixer.SSRU
    mixer = ("ssru.candidate", "ssru.forget") if ssru else tuple(f"self_attention.{p}" for p in attention)
    layers = range(config.decoder_layers)
    memory = [f"decoder.layers.{i}.cross_attention.{part}" for i in layers for part in ("key", "value")]
    step = [
        f"decoder.layers.{i}.{name}"
        for i in layers
        for name in (
            *mixer,
            "cross_attention.query",
            "cross_attention.output",
            *(f"feed_forward.{part}" for part in feed_forward),
        )
    ] + ["output"]
    traced = Engine(int8_model, precision="int8").trace(SOURCE, TARGET)
    assert [product.name for product in traced] == encoder + memory + step * (len(TARGET) + 1)


def reference_of(model: ModelDirectory):
    pytest.importorskip("torch", reason="the reference needs octavo[train]")
    from octavo.reference import from_arrays

    return from_arrays(model.config, dict(model.tensors())).eval()


def test_float32_logits_are_close_to_the_references(float_model: ModelDirectory) -> None:
    reference = reference_of(float_model)
    import torch

    config = float_model.config
    source = [*SOURCE.tolist(), config.eos_id] if config.source_eos else SOURCE.tolist()
    target = [config.decoder_start_id, *TARGET.tolist()]
    with torch.inference_mode():
        expected = reference(torch.tensor([source]), torch.tensor([len(source)]), torch.tensor([target]))[0]
    engine = Engine(float_model, precision="float32", threads=1)
    np.testing.assert_allclose(engine.logits(SOURCE, TARGET), expected.numpy(), atol=2e-5)


@pytest.mark.parametrize("beam", [1, 4])
def test_float32_search_is_the_references(float_model: ModelDirectory, beam: int) -> None:
    model = reference_of(float_model)
    from octavo import reference

    rng = np.random.default_rng(beam)
    sources = [rng.integers(4, 80, rng.integers(1, 20)).astype(np.int32) for _ in range(12)]
    options = {"beam": beam, "nbest": beam, "length_penalty": 0.7, "min_length": 2, "length_ratio": 1.0}
    engine = Engine(float_model, precision="float32", threads=1)
    found = engine.translate(sources, SearchOptions(**options))
    expected = reference.search(model, [s.tolist() for s in sources], reference.SearchOptions(**options))
    for ours, theirs in zip(found, expected, strict=True):
        assert [h.tokens.tolist() for h in ours] == [list(h.tokens) for h in theirs]
        assert [h.complete for h in ours] == [h.complete for h in theirs]
        np.testing.assert_allclose([h.score for h in ours], [h.score for h in theirs], atol=1e-5)
