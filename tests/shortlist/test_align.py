"""Alignment by cross-attention: each row goes to its pair, step and head."""

from __future__ import annotations

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.engine import Engine
from octavo.shortlist.align import aligned, attention_site, cross_attention

from ..models import tiny_config, write_tiny_model


@pytest.fixture(scope="module", params=[True, False], ids=["source EOS", "no source EOS"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    path = tmp_path_factory.mktemp("model") / "model"
    write_tiny_model(path, config=tiny_config(source_eos=request.param), seed=4)
    return Engine(ModelDirectory.open(path), precision="float32", threads=1)


def random_ids(rng: np.random.Generator, length: int) -> np.ndarray:
    return rng.integers(4, 96, length).astype(np.int32)


def test_a_batch_is_its_pairs(engine: Engine) -> None:
    rng = np.random.default_rng(3)
    targets = [random_ids(rng, length) for length in (5, 0, 7, 5, 1, 7)]
    sources = [random_ids(rng, length) for length in (3, 4, 1, 9, 2, 6)]
    together = cross_attention(engine, engine.config, sources, targets, [0, 1])
    for layer in (0, 1):
        for pair in range(6):
            alone = cross_attention(engine, engine.config, [sources[pair]], [targets[pair]], [layer])
            found = together[layer][pair]
            assert found.shape == (len(targets[pair]), len(sources[pair]))
            np.testing.assert_array_equal(found, alone[layer][0])


def test_attention_is_the_mean_of_heads(engine: Engine) -> None:
    rng = np.random.default_rng(5)
    source, target = random_ids(rng, 6), random_ids(rng, 4)
    rows: list[np.ndarray] = []
    site = attention_site(1)
    engine.observe([source], [target], lambda _, found: rows.append(found[0]), only=[site])
    heads = np.array(rows).reshape(5, 2, 6 + engine.config.source_eos)
    expected = (heads / heads.sum(axis=2, keepdims=True)).mean(axis=1)
    found = cross_attention(engine, engine.config, [source], [target], [1])[1][0]
    np.testing.assert_allclose(found, expected[:4, :6], rtol=1e-5)


def test_only_the_sites_asked_for_are_shown(engine: Engine) -> None:
    seen: set[str] = set()
    pair = [np.array([5], np.int32)]
    engine.observe(pair, pair, lambda site, _: seen.add(site), only=["decoder.output", attention_site(0)])
    assert seen == {"decoder.output", attention_site(0)}
    engine.observe(pair, pair, lambda site, _: seen.add(site))
    assert len(seen) > 20


def test_aligned_tokens() -> None:
    source, target = np.array([10, 11, 12], np.int32), np.array([20, 21], np.int32)
    weights = np.array([[0.9, 0.06, 0.04], [0.01, 0.02, 0.03]], np.float32)
    sources, targets = aligned(weights, source, target)
    pairs = list(zip(sources.tolist(), targets.tolist(), strict=True))
    assert pairs == [(10, 20), (11, 20), (12, 21)]
    none = aligned(np.empty((0, 3), np.float32), source, target[:0])
    assert [len(ids) for ids in none] == [0, 0]
