"""The planted hard case is the same function, and hard."""

from __future__ import annotations

import numpy as np
import pytest
from tests.models import random_tensors, tiny_config
from tests.outliers import mixed_attentions, plant_outliers

from octavo.model.config import Activation, ModelConfig, NormPlacement
from octavo.model.scheme import Scheme
from octavo.quantization import TensorModel, quantize_tensors
from octavo.simulation import Simulation

SOURCE, TARGET = [5, 9, 22, 4, 17, 11, 8], [7, 3, 19, 20, 6]
CONFIGS = {
    "pre-relu": tiny_config(),
    "post-gelu": tiny_config(norm=NormPlacement.POST, activation=Activation.GELU),
    "untied": tiny_config(tied_output=False),
}


def logits(config: ModelConfig, tensors: dict[str, np.ndarray], scheme: Scheme = Scheme.NONE) -> np.ndarray:
    model = TensorModel(config, Scheme.NONE, tensors)
    if scheme is not Scheme.NONE:
        model = TensorModel(config, scheme, quantize_tensors(model).tensors)
    return Simulation(model).run(SOURCE, TARGET).logits


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@pytest.mark.parametrize("name", CONFIGS)
def test_the_function_stays(name: str) -> None:
    config = CONFIGS[name]
    tensors = random_tensors(config)
    planted = plant_outliers(tensors, config, 200)
    assert set(planted) == set(tensors)
    assert relative_error(logits(config, planted), logits(config, tensors)) < 1e-4


@pytest.mark.parametrize("kind", ["strength", "mixing"])
@pytest.mark.parametrize("name", CONFIGS)
def test_eight_bits_suffer_from_each_kind(name: str, kind: str) -> None:
    config = CONFIGS[name]
    tensors = random_tensors(config)
    planted = plant_outliers(tensors, config, **{"strength": 1, "mixing": 1, kind: 128})
    expected = logits(config, tensors)
    blind = relative_error(logits(config, planted, Scheme.INT8_DYNAMIC), expected)
    assert blind > 2 * relative_error(logits(config, tensors, Scheme.INT8_DYNAMIC), expected)


def test_nothing_is_planted_at_1() -> None:
    config = CONFIGS["pre-relu"]
    tensors = random_tensors(config)
    planted = plant_outliers(tensors, config, 1, mixing=1)
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(planted[name], tensor)


def test_mixed_attentions_are_the_models() -> None:
    config = CONFIGS["pre-relu"]
    assert {f"{name}.value.weight" for name in mixed_attentions(config)} <= set(random_tensors(config))
