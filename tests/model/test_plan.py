"""Plans: what they name, what they refuse, and that nothing is lost on the way through JSON."""

from __future__ import annotations

import dataclasses
import json
import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octavo.model.architecture import products, sites, weight_products
from octavo.model.errors import SpecError
from octavo.model.plan import LARGEST_SCALE, SMALLEST_SCALE, QuantizationPlan, Static, dynamic_plan, plan_of
from octavo.model.scheme import Scheme
from octavo.model.sublayers import ProductKind, WeightProduct
from octavo.model.tensor_table import tensors, weight_shapes

from ..models import integer_config, language_config, tiny_config
from ..plans import PLANS, plan_for

BASE = tiny_config(encoder_layers=6, decoder_layers=6)
SCALES = st.floats(SMALLEST_SCALE, LARGEST_SCALE)
INPUTS = (
    st.none()
    | st.builds(Static, SCALES, st.integers(0, 255))
    | st.builds(Static, SCALES, st.integers(1, 255), st.just(True))
)


@st.composite
def plans(draw: st.DrawFn) -> QuantizationPlan:
    """Any plan for ``tiny_config()``."""
    config = tiny_config()
    every = list(products(config))
    float32 = draw(st.frozensets(st.sampled_from([product.name for product in every])))
    inputs, heads = {}, {}
    for product in every:
        for site in product.sites:
            if product.name in float32 or site.endswith(".weights"):
                continue
            if product.kind is ProductKind.WEIGHT:
                inputs[site] = draw(INPUTS)
            else:
                heads[site] = tuple(draw(st.lists(SCALES, min_size=2, max_size=2)))
    return QuantizationPlan(float32, inputs, heads)


def test_a_base_model_has_133_products() -> None:
    """A Transformer of 6 + 6 layers: 97 weight products, 18 attentions of two more (paper A's count)."""
    found = list(products(BASE))
    kinds = [product.kind for product in found]
    assert len({product.name for product in found}) == len(found) == 133
    assert [kinds.count(kind) for kind in ProductKind] == [97, 18, 18]
    assert all(len(product.sites) == (1 if product.kind is ProductKind.WEIGHT else 2) for product in found)


@pytest.mark.parametrize("changes", [{}, {"shared_embeddings": False, "tied_output": False}])
def test_every_weight_is_an_embedding_or_one_products(changes: dict[str, bool]) -> None:
    config = dataclasses.replace(BASE, **changes)
    multiplied = [product.weight.name for product in weight_products(config)]
    assert len(set(multiplied)) == len(multiplied)
    rest = {name for name, _ in weight_shapes(config)} - set(multiplied)
    assert rest == ({"encoder.embedding.weight", "decoder.embedding.weight"} if changes else set())


def test_sites_have_the_widths_of_the_weights_that_read_them() -> None:
    widths = {name: site.width for name, site in sites(BASE).items()}
    for product in products(BASE):
        for site in product.sites:
            if isinstance(product, WeightProduct):
                assert widths[site] == product.weight.shape[1]
            else:
                assert widths[site] == (0 if site.endswith(".weights") else BASE.d_model)
    assert list(widths)[:2] == [
        "encoder.layers.0.self_attention.input",
        "encoder.layers.0.self_attention.queries",
    ]


@settings(max_examples=60, deadline=None)
@given(plans())
def test_json_keeps_every_bit(plan: QuantizationPlan) -> None:
    plan.check(tiny_config())
    text = json.dumps(plan.to_dict(), allow_nan=False)
    assert QuantizationPlan.from_dict(json.loads(text)) == plan


@settings(max_examples=30, deadline=None)
@given(plans())
def test_plan_and_tensors_agree(plan: QuantizationPlan) -> None:
    """What the plan stores as int8 is what the file holds as int8."""
    config = tiny_config()
    specs = {spec.name for spec in tensors(config, Scheme.INT8, plan.float_weights(config))}
    stored = {name.removesuffix("_scale") for name in specs if name.endswith("_scale")}
    assert stored == {name for name, _ in weight_shapes(config)} - plan.float_weights(config)


@pytest.mark.parametrize("kind", PLANS)
def test_plans_of_another_model_are_refused(kind: str) -> None:
    plan = plan_for(tiny_config(), kind)
    with pytest.raises(SpecError):
        plan.check(tiny_config(decoder_layers=1))
    with pytest.raises(SpecError):
        plan.check(tiny_config(decoder_layers=3))


def test_a_site_read_by_several_products_is_needed_until_the_last_leaves() -> None:
    """``encoder.output`` feeds the keys and values of every decoder layer."""
    config = tiny_config()
    plan = plan_for(config, "full")
    readers = {product.name for product in products(config) if "encoder.output" in product.sites}
    assert len(readers) == 4
    some = dataclasses.replace(plan, float32=frozenset(sorted(readers)[:3]))
    some.check(config)
    every = dataclasses.replace(plan, float32=frozenset(readers))
    with pytest.raises(SpecError, match=r"no int8 product reads 'encoder\.output'"):
        every.check(config)


@pytest.mark.parametrize(
    ("scale", "zero_point", "message"),
    [
        (0.0, 128, "scale = 0.0"),
        (-0.1, 128, "scale = -0.1"),
        (math.nan, 128, "scale = nan"),
        (math.inf, 128, "scale = inf"),
        (1e40, 128, r"scale = 1e\+40"),
        (1e-40, 128, "scale = 1e-40"),
        (1.0, -1, "zero_point = -1"),
        (1.0, 256, "zero_point = 256"),
    ],
)
def test_values_out_of_range_are_refused(scale: float, zero_point: int, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Static(scale, zero_point)


def test_scales_are_binary32_and_plain_numbers() -> None:
    """Whatever they are made from: numpy's numbers come in, Python's go out."""
    static = Static(np.float64(0.1), np.int64(7))
    assert (type(static.scale), type(static.zero_point)) == (float, int)
    assert static.scale == struct.unpack("<f", struct.pack("<f", 0.1))[0] != 0.1
    plan = QuantizationPlan(frozenset(), {}, {"site": tuple(np.array([0.1, 0.2], np.float32))})
    assert [type(scale) for scale in plan.heads["site"]] == [float, float]
    with pytest.raises(TypeError):
        Static(1.0, 1.5)  # type: ignore[arg-type]
    with pytest.raises(SpecError, match=r"heads: 'site': scale = 0\.0"):
        QuantizationPlan(frozenset(), {}, {"site": (1.0, 0.0)})


def test_a_narrow_range_has_as_many_steps_on_both_sides() -> None:
    assert Static(1.0, 128).limits == (-128, 127)
    assert Static(1.0, 128, narrow_range=True).limits == (-127, 127)
    with pytest.raises(SpecError, match="zero_point = 0: a narrow range does not hold it"):
        Static(1.0, 0, narrow_range=True)


def test_a_full_range_is_not_written() -> None:
    """Versions that know no narrow range read all other plans."""
    assert Static(0.5, 7).to_dict() == {"scale": 0.5, "zero_point": 7}
    narrow = Static(0.5, 7, narrow_range=True)
    assert narrow.to_dict() == {"scale": 0.5, "zero_point": 7, "narrow_range": True}


def test_schemes_and_plans_fit_or_are_refused() -> None:
    config = tiny_config()
    dynamic, full = dynamic_plan(config), plan_for(config, "full")
    assert plan_of(config, Scheme.NONE, None) is None
    assert plan_of(config, Scheme.INT8_DYNAMIC, None) == dynamic
    assert plan_of(config, Scheme.INT8_DYNAMIC, dynamic) == dynamic
    assert plan_of(config, Scheme.INT8, full) is full
    for scheme, plan in ((Scheme.NONE, dynamic), (Scheme.INT8_DYNAMIC, full), (Scheme.INT8, None)):
        with pytest.raises(SpecError, match=f"scheme {scheme} "):
            plan_of(config, scheme, plan)


def test_an_integer_transformer_has_no_plan_yet() -> None:
    config = integer_config()
    assert plan_of(config, Scheme.NONE, None) is None
    for scheme, plan in ((Scheme.INT8_DYNAMIC, None), (Scheme.INT8, plan_for(config, "full"))):
        with pytest.raises(SpecError, match=f"scheme {scheme} has softmax .* has attention = polynomial"):
            plan_of(config, scheme, plan)


def test_the_dynamic_plan_quantizes_every_weight_product() -> None:
    plan = dynamic_plan(BASE)
    plan.check(BASE)
    assert not plan.float_weights(BASE) and not plan.heads
    assert len(plan.float32) == 36 and set(plan.inputs.values()) == {None}


def test_a_language_model_has_the_products_of_its_decoder_alone() -> None:
    config = language_config()
    found = [product.name for product in products(config)]
    assert len(found) == 2 * 8 + 1
    assert not [name for name in found if "encoder" in name or "cross_attention" in name]
    assert "encoder.output" not in sites(config)
    matrices = {product.weight.name for product in weight_products(config)}
    assert matrices == {name for name, _ in weight_shapes(config)}
