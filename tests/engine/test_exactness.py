"""The same bytes out, whatever the batch, the order, the number of threads or the kernel tier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.engine import Engine, Hypothesis, SearchOptions, cpu_report, default_precision
from octavo.model.config import Activation, Mixer, NormFunction, Positions
from octavo.model.scheme import Scheme
from octavo.quantization import QuantizedWeights, TensorModel

from ..integer.integer_models import random_integer_model
from ..models import integer_config, tiny_config, write_tiny_model
from ..plans import PLANS, plan_for

OPTIONS = SearchOptions(beam=3, nbest=3, length_penalty=0.6, length_ratio=1.0, length_margin=3)
PARTS: dict[str, dict[str, Any]] = {
    "ssru": {"decoder_mixer": Mixer.SSRU},
    "t5": {
        "norm_function": NormFunction.RMS,
        "positions": Positions.NONE,
        "relative_buckets": 8,
        "relative_distance": 9,
        "gated": True,
        "activation": Activation.GELU_TANH,
        "attention_head_dim": 16,
        "scale_embeddings": False,
    },
}
SCHEMES = {"float32": Scheme.NONE, "int8": Scheme.INT8, "dynamic": Scheme.INT8_DYNAMIC}
OTHERS = {f"{part} {scheme}": (part, scheme) for part in PARTS for scheme in SCHEMES}


@pytest.fixture(scope="module", params=["float32", "dynamic", *PLANS, "integer", *OTHERS])
def model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> ModelDirectory | TensorModel:
    path = tmp_path_factory.mktemp("model") / request.param
    sizes = {"d_model": 36, "ffn_dim": 72, "attention_heads": 4}
    if request.param == "integer":
        return random_integer_model(integer_config(**sizes), seed=5)
    part, scheme = OTHERS.get(request.param, ("", "float32"))
    config = tiny_config(**sizes, **PARTS.get(part, {}))
    model = ModelDirectory.open(write_tiny_model(path, config=config, scheme=SCHEMES[scheme], seed=5))
    if request.param == "float32" or part:
        return model
    plan = None if request.param == "dynamic" else plan_for(config, request.param)
    return QuantizedWeights(model).model(plan)


@pytest.fixture(scope="module")
def sources() -> list[np.ndarray]:
    rng = np.random.default_rng(8)
    return [rng.integers(4, 96, rng.integers(0, 30)).astype(np.int32) for _ in range(90)]


def open_engine(model: ModelDirectory, **arguments) -> Engine:
    return Engine(model, precision=default_precision(model), **arguments)


def as_bytes(results: list[list[Hypothesis]]) -> list[list[tuple[bytes, bytes, bool]]]:
    return [
        [(h.tokens.tobytes(), np.float32(h.score).tobytes(), h.complete) for h in found] for found in results
    ]


@pytest.fixture(scope="module")
def alone(model: ModelDirectory, sources: list[np.ndarray]) -> list:
    engine = open_engine(model, threads=1)
    return as_bytes([engine.translate([source], OPTIONS)[0] for source in sources])


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("size", [1, 2, 7, 90])
def test_batches_and_threads(model: ModelDirectory, sources, alone, size: int, threads: int) -> None:
    engine = open_engine(model, threads=threads)
    found = []
    for start in range(0, len(sources), size):
        found += engine.translate(sources[start : start + size], OPTIONS)
    assert as_bytes(found) == alone


@pytest.mark.parametrize(("threads", "streams"), [(3, 1), (4, 2)])
def test_several_threads_for_each_stream(model, sources, alone, threads: int, streams: int) -> None:
    engine = open_engine(model, threads=threads, streams=streams)
    assert as_bytes(engine.translate(sources, OPTIONS)) == alone


def test_order(model: ModelDirectory, sources, alone) -> None:
    order = np.random.default_rng(1).permutation(len(sources))
    found = open_engine(model, threads=2).translate([sources[i] for i in order], OPTIONS)
    assert as_bytes(found) == [alone[i] for i in order]


@pytest.mark.parametrize("isa", cpu_report()["available"])
def test_kernel_tiers(model: ModelDirectory, sources, alone, isa: str) -> None:
    found = open_engine(model, threads=2, isa=isa).translate(sources[:30], OPTIONS)
    assert as_bytes(found) == alone[:30]


def test_fewer_results_are_the_first_of_more(model: ModelDirectory, sources, alone) -> None:
    """The early stop, which comes sooner for a shorter list, changes nothing in it."""
    engine = open_engine(model, threads=2)
    for nbest in (1, 2):
        options = SearchOptions(**{**{f: getattr(OPTIONS, f) for f in OPTIONS.__slots__}, "nbest": nbest})
        assert as_bytes(engine.translate(sources, options)) == [found[:nbest] for found in alone]
