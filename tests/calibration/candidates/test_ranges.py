"""From observations to plans: what is covered, what each method and scheme makes of a site."""

from __future__ import annotations

import numpy as np
import pytest
from tests.models import tiny_config

from octavo.calibration.candidates.coverage import Coverage, int8_products, matching_products
from octavo.calibration.candidates.ranges import find_ranges
from octavo.calibration.errors import CalibrationError
from octavo.calibration.observe.observations import Observations
from octavo.model.architecture import products, sites
from octavo.model.config import ModelConfig
from octavo.model.plan import Static
from octavo.model.sublayers import ProductKind
from octavo.quantization.observers import HeadStatistics, SiteStatistics
from octavo.quantization.thresholds import Method

CONFIG = tiny_config()


def observations(config: ModelConfig = CONFIG) -> Observations:
    rng = np.random.default_rng(0)
    tensors: dict[str, SiteStatistics] = {}
    heads: dict[str, HeadStatistics] = {}
    for site, width in ((name, found.width) for name, found in sites(config).items()):
        rows = rng.standard_normal((50, width or 9)).astype(np.float32)
        if site.endswith((".queries", ".keys", ".values")):
            heads[site] = HeadStatistics(site, width, config.attention_heads)
            heads[site].add(rows)
        else:
            tensors[site] = SiteStatistics(site, width)
            tensors[site].add(np.abs(rows) if site.endswith((".hidden", ".weights")) else rows)
    return Observations(tensors, heads)


def base() -> ModelConfig:
    return tiny_config(encoder_layers=6, decoder_layers=6)


def test_full_covers_all_133_products_of_a_base_model_and_paper_85() -> None:
    assert len(int8_products(base(), Coverage.FULL.float32(base()))) == 133
    left = int8_products(base(), Coverage.PAPER.float32(base()))
    assert len(left) == 85
    assert {product.kind for product in left} == {ProductKind.WEIGHT}


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("coverage", Coverage)
def test_every_plan_is_whole(method: Method, dynamic: bool, coverage: Coverage) -> None:
    ranges = find_ranges(CONFIG, observations(), method, dynamic=dynamic)
    plan = ranges.plan(CONFIG, coverage.float32(CONFIG))
    plan.check(CONFIG)
    assert {how is None for how in plan.inputs.values()} == {dynamic}


def test_any_products_may_stay_in_float32() -> None:
    ranges = find_ranges(CONFIG, observations(), Method.MSE, dynamic=False)
    names = [product.name for product in products(CONFIG)]
    rng = np.random.default_rng(1)
    for _ in range(50):
        ranges.plan(CONFIG, rng.choice(names, rng.integers(len(names) + 1), replace=False)).check(CONFIG)


def test_a_tensor_without_negative_numbers_uses_all_levels() -> None:
    ranges = find_ranges(CONFIG, observations(), Method.NAIVE, dynamic=False)
    hidden = ranges.inputs["encoder.layers.0.feed_forward.hidden"]
    assert hidden is not None
    assert hidden.zero_point == 0


def test_a_site_that_is_always_zero_or_constant_works() -> None:
    found = observations()
    dead, constant = "encoder.layers.0.feed_forward.hidden", "encoder.layers.1.self_attention.input"
    for site, value in ((dead, 0.0), (constant, -2.5)):
        statistics = SiteStatistics(site, sites(CONFIG)[site].width)
        statistics.add(np.full((50, sites(CONFIG)[site].width), value, np.float32))
        found = found.replaced_by(Observations({site: statistics}, {}))
    for method in Method:
        ranges = find_ranges(CONFIG, found, method, dynamic=False)
        assert ranges.inputs[dead] == Static(1.0, 0)
        how = ranges.inputs[constant]
        assert how is not None
        restored = (np.clip(np.rint(-2.5 / how.scale), -how.zero_point, 255 - how.zero_point)) * how.scale
        assert restored == pytest.approx(-2.5, rel=0.01)


def test_a_site_that_was_not_observed_is_named() -> None:
    found = observations()
    tensors = {name: figures for name, figures in found.tensors.items() if name != "decoder.output"}
    with pytest.raises(CalibrationError, match=r"^decoder\.output: "):
        find_ranges(CONFIG, Observations(tensors, found.heads), Method.MSE, dynamic=False)


def test_products_by_name_or_pattern() -> None:
    assert matching_products(CONFIG, ["output"]) == {"output"}
    assert matching_products(CONFIG, ["decoder.*.outer"]) == {
        f"decoder.layers.{i}.feed_forward.outer" for i in range(2)
    }
    with pytest.raises(CalibrationError, match=r"no product 'decoder.layers\.9"):
        matching_products(CONFIG, ["decoder.layers.9.feed_forward.outer"])


def test_observations_survive_json() -> None:
    found = observations()
    again = Observations.from_dict(found.to_dict())
    assert again.to_dict() == found.to_dict()
    assert find_ranges(CONFIG, again, Method.MSE, dynamic=False) == find_ranges(
        CONFIG, found, Method.MSE, dynamic=False
    )
