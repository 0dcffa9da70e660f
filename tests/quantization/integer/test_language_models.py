"""Language models in the simulations of an Integer Transformer, frozen, and against the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from octavo.calibration.integer.simulated_engine import SimulatedEngine
from octavo.calibration.observe.observations import observe
from octavo.calibration.text.pairs import Pairs
from octavo.engine import Engine
from octavo.errors import QuantizationError
from octavo.integer_format import IntegerScales
from octavo.quantization import TensorModel
from octavo.quantization.integer import (
    DynamicSimulation,
    ForwardPass,
    MixedArithmetic,
    Part,
    RealArithmetic,
    RealSimulation,
    StaticArithmetic,
    StaticSimulation,
)
from octavo.quantization.integer.choose_scales import choose_scales
from octavo.quantization.integer.freeze import freeze
from octavo.quantization.integer.site_scales import SiteScales
from octavo.runs.progress import Silent
from octavo.spec import AttentionFunction, ModelConfig, NormFunction, Positions, Scheme, SpecError

from ...models import language_config, random_integers, random_tensors

INTEGER = {"attention": AttentionFunction.POLYNOMIAL, "norm_function": NormFunction.L1}
CONFIGS = {
    "sinusoidal": language_config(**INTEGER),
    "learned": language_config(
        **INTEGER, positions=Positions.LEARNED, polynomial_degree=2, tied_output=False, output_bias=True
    ),
}
TOKENS = [5, 17, 8, 30, 77, 12]
NOTHING = np.empty(0, np.int32)


def float_model(config: ModelConfig) -> TensorModel:
    return TensorModel(config, Scheme.NONE, random_tensors(config))


def site_scales(model: TensorModel) -> SiteScales:
    random = np.random.default_rng(1)
    texts = tuple(random.integers(4, 96, 30).astype(np.int32) for _ in range(20))
    pairs = Pairs((NOTHING,) * len(texts), texts)
    seen = observe(SimulatedEngine(model), model.config, pairs, Silent())
    return choose_scales(model, seen.tensors, seen.heads)


@pytest.fixture(params=CONFIGS)
def model(request: pytest.FixtureRequest) -> TensorModel:
    return float_model(CONFIGS[request.param])


def test_real_arithmetic_is_the_reference(model: TensorModel) -> None:
    torch = pytest.importorskip("torch", reason="the reference needs octavo[train]")
    from octavo.reference import language_model_from_arrays

    reference = language_model_from_arrays(model.config, model.tensors)
    with torch.inference_mode():
        expected = reference(torch.tensor([[model.config.decoder_start_id, *TOKENS]]))[0]
    np.testing.assert_allclose(RealSimulation(model).logits([], TOKENS), expected.numpy(), atol=2e-5)


def test_frozen_models_are_near_and_run_in_the_engine(model: TensorModel) -> None:
    real = RealSimulation(model).logits([], TOKENS)
    frozen = freeze(model, site_scales(model))
    scales = frozen.integer_scales
    assert scales is not None and scales.encoder_residual is None
    assert set(scales.to_dict()["residual"]) == {"decoder"}
    assert IntegerScales.from_dict(scales.to_dict()) == scales
    integers = StaticSimulation(frozen).logits([], TOKENS)
    for found in (integers / scales.logits, DynamicSimulation(model).logits([], TOKENS)):
        assert np.linalg.norm(found - real) < 0.15 * np.linalg.norm(real)
    step = np.float32(1 / scales.logits)
    found = Engine(frozen, precision="integer").logits(NOTHING, np.array(TOKENS, np.int32))
    np.testing.assert_array_equal(found, integers.astype(np.float32) * step)


@pytest.mark.parametrize("arithmetic", ["real", "static", "mixed"])
def test_steps_equal_the_whole_text(model: TensorModel, arithmetic: str) -> None:
    scales = site_scales(model)
    frozen = freeze(model, scales)
    made: Any = {
        "real": lambda: RealArithmetic(model),
        "static": lambda: StaticArithmetic(frozen),
        "mixed": lambda: MixedArithmetic(
            *(RealArithmetic(model), StaticArithmetic(frozen), scales),
            *(frozen.integer_scales.logits, [Part.ATTENTION, Part.NORM]),
        ),
    }[arithmetic]()
    forward = ForwardPass(model.config, made)
    texts = np.random.default_rng(2).integers(4, 96, (2, 6))
    sources = np.empty((2, 0), np.int64)
    whole, state = forward.logits(sources, texts), forward.start(sources)
    order = np.array([1, 0])
    for t in range(6):
        if t == 3:
            state.select(order)
            texts, whole = texts[order], whole[order]
        np.testing.assert_allclose(forward.step(texts[:, t], state)[:, 0], whole[:, t], atol=1e-12)


def test_a_source_is_refused(model: TensorModel) -> None:
    for simulation in (RealSimulation(model), StaticSimulation(freeze(model, site_scales(model)))):
        with pytest.raises(QuantizationError, match="source: a language model has none"):
            simulation.logits([5], TOKENS)


def test_scales_of_an_encoder_are_refused_and_of_the_decoder_needed() -> None:
    config = CONFIGS["sinusoidal"]
    with pytest.raises(SpecError, match="residual: encoder: a language model has no encoder"):
        TensorModel(
            *(config, Scheme.INTEGER, random_integers(config)), integer_scales=IntegerScales(2.0, 2.0, 2.0)
        )
    with pytest.raises(SpecError, match="residual: encoder: a language model has no encoder"):
        IntegerScales(None, 2.0, 2.0).residual("encoder")
    with pytest.raises(QuantizationError, match=r"encoder\.residual: has no scale"):
        SiteScales({}, {}, None, 2.0).residual("encoder")
