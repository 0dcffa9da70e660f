"""Language models in the simulations of an Integer Transformer, frozen, and against the reference."""

from __future__ import annotations

import numpy as np
import pytest

from octavo.calibration.integer.simulated_engine import SimulatedEngine
from octavo.calibration.observe.observations import observe
from octavo.calibration.text.pairs import Pairs
from octavo.engine import Engine
from octavo.errors import QuantizationError
from octavo.integer import ForwardPass, RealArithmetic, RealTransformer, SiteScales
from octavo.integer.choose_scales import choose_scales
from octavo.integer.freeze import freeze
from octavo.model.config import AttentionFunction, ModelConfig, NormFunction, Positions
from octavo.model.errors import SpecError
from octavo.model.integer_format import IntegerScales
from octavo.model.scheme import Scheme
from octavo.quantization import TensorModel
from octavo.runs.progress import Silent
from octavo.simulation import IntegerSimulation
from octavo.simulation.integer_arithmetic import StaticArithmetic

from ..models import language_config, random_integers, random_tensors
from .steps import check_steps

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
    np.testing.assert_allclose(RealTransformer(model).logits([], TOKENS), expected.numpy(), atol=2e-5)


def test_frozen_models_are_near_and_run_in_the_engine(model: TensorModel) -> None:
    real = RealTransformer(model).logits([], TOKENS)
    frozen = freeze(model, site_scales(model))
    scales = frozen.integer_scales
    assert scales is not None and scales.encoder_residual is None
    assert set(scales.to_dict()["residual"]) == {"decoder"}
    assert IntegerScales.from_dict(scales.to_dict()) == scales
    integers = IntegerSimulation(frozen).logits([], TOKENS)
    assert np.linalg.norm(integers / scales.logits - real) < 0.15 * np.linalg.norm(real)
    step = np.float32(1 / scales.logits)
    found = Engine(frozen, precision="integer").logits(NOTHING, np.array(TOKENS, np.int32))
    np.testing.assert_array_equal(found, integers.astype(np.float32) * step)


def test_steps_equal_the_whole_text(model: TensorModel) -> None:
    frozen = freeze(model, site_scales(model))
    check_steps(ForwardPass(model.config, RealArithmetic(model)), exact=False)
    check_steps(ForwardPass(model.config, StaticArithmetic(frozen)), exact=True)


def test_a_source_is_refused(model: TensorModel) -> None:
    for simulation in (RealTransformer(model), IntegerSimulation(freeze(model, site_scales(model)))):
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
