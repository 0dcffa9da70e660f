"""Random float models and what they freeze to, with scales from the largest values seen."""

from __future__ import annotations

import numpy as np
from tests.models import integer_config, random_tensors

from octavo.integer import RealTransformer, SiteScales
from octavo.integer.freeze import freeze
from octavo.integer.site_scales import head_sites, input_sites
from octavo.model.config import ModelConfig, PolynomialSharing, Positions
from octavo.model.scheme import Scheme
from octavo.quantization import TensorModel

SOURCE, TARGET = [7, 20, 11, 9, 4], [5, 17, 8, 30]

CONFIGS = {
    "plain": integer_config(),
    "by layer": integer_config(polynomial_sharing=PolynomialSharing.LAYER, polynomial_degree=4),
    "bias alone": integer_config(polynomial_delta=False, polynomial_degree=2, output_bias=True),
    "neither": integer_config(polynomial_bias=False, polynomial_delta=False, polynomial_degree=1),
    "learned, untied": integer_config(
        positions=Positions.LEARNED, position_offset=2, shared_embeddings=False, tied_output=False,
        source_vocab_size=64, source_eos=False, scale_embeddings=False,
    ),
}  # fmt: skip


def float_model(config: ModelConfig | None = None, seed: int = 0) -> TensorModel:
    config = config or integer_config()
    return TensorModel(config, Scheme.NONE, random_tensors(config, seed=seed))


def largest_values(model: TensorModel) -> dict[str, np.ndarray]:
    """Of every site and head on random sentences, and on the one that tests run."""
    config, random = model.config, np.random.default_rng(5)
    found: dict[str, np.ndarray] = {}

    def visit(site: str, rows: np.ndarray) -> None:
        heads = config.attention_heads if site in head_sites(config) else 1
        largest = np.abs(rows).reshape(len(rows), heads, -1).max(axis=(0, 2))
        found[site] = np.maximum(found.get(site, 0), largest)

    simulation = RealTransformer(model, visit)
    simulation.logits(SOURCE, TARGET)
    for _ in range(8):
        simulation.logits(*random.integers(4, config.target_vocab_size, (2, 7)).tolist())
    return found


def frozen(model: TensorModel) -> tuple[TensorModel, SiteScales]:
    """The model of scheme integer, and the scales of its sites."""
    largest = largest_values(model)
    levels = {site: 255 if site.endswith(".hidden") else 127 for site in input_sites(model.config)}
    scales = SiteScales(
        {site: levels[site] / float(largest[site][0]) for site in levels},
        {site: tuple((127 / largest[site]).tolist()) for site in head_sites(model.config)},
        20000 / float(largest["encoder.residual"][0]),
        20000 / float(largest["decoder.residual"][0]),
    )
    return freeze(model, scales), scales


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))
