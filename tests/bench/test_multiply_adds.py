"""Multiply-adds are counted as the engine makes them."""

from __future__ import annotations

import numpy as np
import pytest

from octavo.bench.multiply_adds import MultiplyAdds, multiply_adds
from octavo.bench.shapes import Shape, configuration, random_model, static_model, static_plan
from octavo.engine import Engine, Peak
from octavo.model.architecture import products
from octavo.model.plan import QuantizationPlan

from ..models import tiny_config

EVERYTHING_INT8 = QuantizationPlan(frozenset(), {}, {})


@pytest.mark.parametrize("changes", [{}, {"source_eos": False}, {"tied_output": False, "ffn_dim": 48}])
def test_they_are_those_of_the_traced_products(changes: dict[str, object]) -> None:
    config = tiny_config(**changes)
    model = static_model(random_model(config))
    source, target = np.arange(5, 12, dtype=np.int32), np.arange(5, 9, dtype=np.int32)
    traced = Engine(model, threads=1).trace(source, target)
    made = sum(p.input.shape[0] * p.input.shape[1] * p.accumulators.shape[1] for p in traced)
    counted = multiply_adds(
        config, model.plan, source_tokens=len(source) + config.source_eos, row_steps=len(target) + 1
    )
    assert counted == MultiplyAdds(int8=made)


def test_a_row_of_the_base_decoder() -> None:
    config = configuration(Shape.BASE)
    row = multiply_adds(config, None, source_tokens=0, row_steps=1)
    assert row == MultiplyAdds(float32=6 * (6 * 512 * 512 + 2 * 512 * 2048) + 512 * 32_000)
    token = multiply_adds(config, None, source_tokens=1, row_steps=0)
    assert token == MultiplyAdds(float32=6 * (4 * 512 * 512 + 2 * 512 * 2048) + 6 * 2 * 512 * 512)


def test_products_left_in_float32_count_as_such() -> None:
    config = tiny_config()
    plan = static_plan(random_model(config))
    every = multiply_adds(config, plan, source_tokens=3, row_steps=2)
    kept = frozenset(product.name for product in products(config))
    none = multiply_adds(config, QuantizationPlan(kept, {}, {}), source_tokens=3, row_steps=2)
    output = multiply_adds(
        config, QuantizationPlan(frozenset({"output"}), {}, {}), source_tokens=3, row_steps=2
    )
    assert every.float32 == none.int8 == 0
    assert every.int8 == none.float32 == output.total
    assert output.float32 == 2 * config.d_model * config.target_vocab_size


def test_the_time_they_take_at_the_peak() -> None:
    peak = Peak(float32=100.0, int8=400.0)
    assert MultiplyAdds(int8=800, float32=100).seconds_at(peak) == 3.0
    assert MultiplyAdds(int8=800).seconds_at(Peak(0.0, 400.0)) == 2.0
    assert MultiplyAdds(int8=800, float32=1).seconds_at(Peak(0.0, 400.0)) is None
