"""What a model consists of: sublayers whose tensors, products and sites fit together."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from octavo.model.architecture import OUTPUT, architecture, products, sites, sites_written, weight_products
from octavo.model.config import Mixer, NormFunction, NormPlacement
from octavo.model.sublayers import ProductKind, SiteKind, SublayerKind, TensorKind, WeightProduct

from ..models import integer_config, language_config, tiny_config

CONFIGS = {
    "ordinary": tiny_config(),
    "post-norm": tiny_config(norm=NormPlacement.POST),
    "untied": tiny_config(shared_embeddings=False, tied_output=False, output_bias=True),
    "SSRU": tiny_config(decoder_mixer=Mixer.SSRU),
    "gated": tiny_config(gated=True, norm_function=NormFunction.RMS),
    "wide heads": tiny_config(attention_head_dim=24),
    "relative": tiny_config(relative_buckets=8),
    "integer": integer_config(),
    "language": language_config(),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_every_tensor_is_described_once(name: str) -> None:
    config = CONFIGS[name]
    names = [tensor.name for tensor in architecture(config).tensors]
    assert len(set(names)) == len(names)
    used = {t.name for p in weight_products(config) for t in (p.weight, p.bias) if t}
    embeddings = {stack.embedding.name for stack in architecture(config).stacks}
    kinds = (TensorKind.EMBEDDING, TensorKind.WEIGHT, TensorKind.BIAS)
    assert used | embeddings == {t.name for t in architecture(config).tensors if t.kind in kinds}


@pytest.mark.parametrize("name", CONFIGS)
def test_products_make_what_others_read(name: str) -> None:
    config = CONFIGS[name]
    known, written = sites(config), sites_written(config)
    assert set(written.values()) <= set(known)
    unmade = {site for site, found in known.items() if found.kind is SiteKind.STATES}
    assert set(known) - set(written.values()) <= unmade | {
        site for site, found in known.items() if found.kind is SiteKind.WEIGHTS
    }
    for product in products(config):
        if isinstance(product, WeightProduct):
            assert product.weight.shape[1] == known[product.site].width
            if product.makes:
                assert product.weight.shape[0] == known[product.makes].width
    norms = {t.name.removesuffix(".weight") for t in architecture(config).tensors if "norm" in t.name}
    assert {site.norm for site in known.values() if site.norm} <= norms


def test_an_ssru_stands_where_self_attention_stood() -> None:
    config = CONFIGS["SSRU"]
    decoder = architecture(config).stacks[1]
    kinds = [sublayer.kind for sublayer in decoder.sublayers[:3]]
    assert kinds == [SublayerKind.SSRU, SublayerKind.CROSS_ATTENTION, SublayerKind.FEED_FORWARD]
    ssru = decoder.sublayers[0]
    assert [(p.name, p.sites) for p in ssru.products] == [
        ("decoder.layers.0.ssru.candidate", ("decoder.layers.0.ssru.input",)),
        ("decoder.layers.0.ssru.forget", ("decoder.layers.0.ssru.input",)),
    ]
    assert {tensor.name.removeprefix("decoder.layers.0.ssru.") for tensor in ssru.tensors} == {
        *("candidate.weight", "forget.weight", "forget.bias", "norm.weight", "norm.bias"),
    }


def test_both_products_of_a_gated_network_make_its_hidden_layer() -> None:
    config = CONFIGS["gated"]
    name = "encoder.layers.0.feed_forward"
    made = [product.name for product in products(config) if product.makes == f"{name}.hidden"]
    assert made == [f"{name}.gate", f"{name}.inner"]


def test_the_readers_of_the_memory_are_the_cross_attentions() -> None:
    readers = [p.name for p in products(CONFIGS["ordinary"]) if "encoder.output" in p.sites]
    assert readers == [
        f"decoder.layers.{i}.cross_attention.{part}" for i in range(2) for part in ("key", "value")
    ]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "encoder.embedding.weight"),
        ({"shared_embeddings": False}, "decoder.embedding.weight"),
        ({"tied_output": False}, "output.weight"),
    ],
)
def test_the_output_multiplies_by_an_embedding_where_it_is_tied(changes: dict[str, Any], name: str) -> None:
    config = dataclasses.replace(CONFIGS["ordinary"], **changes)
    last = products(config)[-1]
    assert isinstance(last, WeightProduct)
    assert (last.name, last.kind, last.weight.name) == (OUTPUT, ProductKind.WEIGHT, name)


BY_NAME = re.compile(
    r"(?:endswith|removesuffix)\(\(?\"\.?"
    r"(hidden|weights|queries|keys|values|context|scores|input|inner|outer|norm|_scale|multiplier|shift)\""
)
PARTS = (
    "artifact",
    "bench",
    "engine",
    "evaluation",
    "integer",
    "model",
    "quantization",
    "reference",
    "training",
)
"""And calibration, but for the page, which shows a report without its model."""


def test_what_a_tensor_or_site_is_does_not_come_from_its_name() -> None:
    source = Path(__file__).resolve().parents[2] / "src" / "octavo"
    files = [path for part in PARTS for path in (source / part).rglob("*.py")]
    files += [p for p in (source / "calibration").rglob("*.py") if p.parent.name != "page"]
    assert len(files) > 100
    assert not {str(path) for path in files if BY_NAME.search(path.read_text(encoding="utf-8"))}
