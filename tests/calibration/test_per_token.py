"""Inputs go per token where one scale for all tokens costs most, and nowhere else."""

from __future__ import annotations

from octavo.calibration.build_plan import SiteRanges
from octavo.calibration.per_token import WORTH, with_sites_per_token
from octavo.calibration.progress import Silent
from octavo.calibration.variant import Form, Variant
from octavo.plan import Static, products
from octavo.quantization import QuantizedWeights

from ..models import random_tensors, tiny_config

CONFIG = tiny_config()
COSTS = {"encoder.output": 5.0, "decoder.output": 94.0, "decoder.layers.0.feed_forward.hidden": 0.5}


def static_variant() -> Variant:
    form = Form(CONFIG, random_tensors(CONFIG))
    read = {site for product in products(CONFIG) for site in product.sites}
    heads = {s: (0.1,) * CONFIG.attention_heads for s in read if s.endswith((".queries", ".keys", ".values"))}
    inputs = {s: Static(0.1) for s in read if s not in heads and not s.endswith(".weights")}
    return Variant(form, QuantizedWeights(form.model()), SiteRanges(inputs, heads))


def divergence(variant: Variant) -> float:
    """What the static sites of COSTS add up to."""
    return sum(cost for site, cost in COSTS.items() if variant.ranges.inputs.get(site) is not None)


def per_token(variant: Variant) -> set[str]:
    return {site for site, how in variant.ranges.inputs.items() if how is None}


def test_only_sites_that_cost_much_go_per_token() -> None:
    assert COSTS["decoder.layers.0.feed_forward.hidden"] < WORTH * sum(COSTS.values())
    found = with_sites_per_token(static_variant(), frozenset(), divergence, Silent())
    assert per_token(found) == {"encoder.output", "decoder.output"}


def test_sites_that_nothing_reads_in_int8_are_left_alone() -> None:
    found = with_sites_per_token(static_variant(), frozenset({"output"}), divergence, Silent())
    assert per_token(found) == {"encoder.output"}
