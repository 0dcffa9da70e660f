"""Inputs go per token where one scale for all tokens costs most, and nowhere else."""

from __future__ import annotations

from tests.models import random_tensors, tiny_config

from octavo.calibration.candidates.candidate import Candidate, FloatModel
from octavo.calibration.candidates.ranges import SiteRanges
from octavo.calibration.choose.per_token import WORTH, with_sites_per_token
from octavo.model.architecture import products
from octavo.model.plan import Static
from octavo.runs.progress import Silent

CONFIG = tiny_config()
COSTS = {"encoder.output": 5.0, "decoder.output": 94.0, "decoder.layers.0.feed_forward.hidden": 0.5}


def static_variant() -> Candidate:
    float_model = FloatModel(CONFIG, random_tensors(CONFIG))
    read = {site for product in products(CONFIG) for site in product.sites}
    heads = {s: (0.1,) * CONFIG.attention_heads for s in read if s.endswith((".queries", ".keys", ".values"))}
    inputs = {s: Static(0.1) for s in read if s not in heads and not s.endswith(".weights")}
    return Candidate(float_model, SiteRanges(inputs, heads))


def divergence(candidate: Candidate) -> float:
    """What the static sites of COSTS add up to."""
    return sum(cost for site, cost in COSTS.items() if candidate.ranges.inputs.get(site) is not None)


def per_token(candidate: Candidate) -> set[str]:
    return {site for site, how in candidate.ranges.inputs.items() if how is None}


def test_only_sites_that_cost_much_go_per_token() -> None:
    assert COSTS["decoder.layers.0.feed_forward.hidden"] < WORTH * sum(COSTS.values())
    found = with_sites_per_token(static_variant(), frozenset(), divergence, Silent())
    assert per_token(found) == {"encoder.output", "decoder.output"}


def test_sites_that_nothing_reads_in_int8_are_left_alone() -> None:
    found = with_sites_per_token(static_variant(), frozenset({"output"}), divergence, Silent())
    assert per_token(found) == {"encoder.output"}
