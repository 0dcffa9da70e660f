"""What each product costs, alone and among all."""

from __future__ import annotations

import pytest
from tests.models import tiny_config

from octavo.calibration.measure.sensitivity import fallback_order, measure_sensitivity, work_per_token
from octavo.model.architecture import products
from octavo.runs.progress import Silent

CONFIG = tiny_config()
PRODUCTS = list(products(CONFIG))
COSTS = {product.name: (i + 1) * 1e-4 for i, product in enumerate(PRODUCTS)}


def divergence(quantized: frozenset[str]) -> float:
    return sum(COSTS[name] for name in quantized)


def test_alone_and_won() -> None:
    work = work_per_token(CONFIG, PRODUCTS, 10.0)
    found = measure_sensitivity(PRODUCTS, divergence, work, Silent())
    assert [s.product for s in found] == [product.name for product in PRODUCTS]
    for s in found:
        assert s.alone == pytest.approx(COSTS[s.product])
        assert s.won == pytest.approx(COSTS[s.product])


def test_the_order_is_by_loss_for_its_cost_then_name() -> None:
    work = dict.fromkeys(COSTS, 1)
    found = fallback_order(measure_sensitivity(PRODUCTS, divergence, work, Silent()))
    assert found == sorted(COSTS, key=lambda name: -COSTS[name])
    dear = dict.fromkeys(COSTS, 1) | {"output": 10_000}
    assert fallback_order(measure_sensitivity(PRODUCTS, divergence, dear, Silent()))[-1] == "output"
    alike = measure_sensitivity(PRODUCTS, lambda quantized: 0.5 * len(quantized), work, Silent())
    assert fallback_order(alike) == sorted(COSTS)


def test_work_is_multiplications_per_token() -> None:
    work = work_per_token(CONFIG, PRODUCTS, 10.0)
    assert work["encoder.layers.0.self_attention.query"] == 16 * 16
    assert work["decoder.layers.1.feed_forward.outer"] == 16 * 32
    assert work["decoder.layers.1.cross_attention.scores"] == 16 * 10
    assert work["output"] == 16 * 96


def test_no_products_have_an_order() -> None:
    assert fallback_order([]) == []
