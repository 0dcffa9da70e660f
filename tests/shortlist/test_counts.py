"""Counts, and the lists made from them, against plain dictionaries."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from octavo.model.config import ModelConfig
from octavo.shortlist.counts import AlignmentCounts

from ..models import tiny_config

SHARED = tiny_config()
SEPARATE = tiny_config(source_vocab_size=80, shared_embeddings=False, tied_output=False)


def filled(
    config: ModelConfig, seed: int = 0
) -> tuple[AlignmentCounts, Counter[int], Counter[tuple[int, int]]]:
    """Counts of random tokens, and the same in dictionaries."""
    rng = np.random.default_rng(seed)
    counts = AlignmentCounts(config)
    targets: Counter[int] = Counter()
    pairs: Counter[tuple[int, int]] = Counter()
    for _ in range(30):
        spoken = rng.integers(0, 40, 20).astype(np.int32)
        heard = (rng.integers(0, 70, 20) ** 2 // 70).astype(np.int32)
        counts.add_target(spoken)
        counts.add_pairs(heard, spoken)
        targets.update(spoken.tolist())
        pairs.update(zip(heard.tolist(), spoken.tolist(), strict=True))
        counts.arrays()  # merges
    return counts, targets, pairs


@pytest.mark.parametrize("config", [SHARED, SEPARATE], ids=["shared", "separate"])
@pytest.mark.parametrize(("common", "per_token"), [(10, 3), (25, 1), (5, 0), (1000, 5), (1, 1000)])
def test_lists_are_those_of_dictionaries(config: ModelConfig, common: int, per_token: int) -> None:
    counts, targets, pairs = filled(config)
    shortlist = counts.shortlist(common, per_token)
    shortlist.check(config)
    forbidden = {config.eos_id, *config.suppressed_ids}
    ranked = sorted((-count, token) for token, count in targets.items() if token not in forbidden)
    expected = {token for _, token in ranked[:common]}
    assert shortlist.common.tolist() == sorted(expected | {config.eos_id})
    for source in range(config.source_vocab_size):
        own = sorted((-n, t) for (s, t), n in pairs.items() if s == source and t not in expected | forbidden)
        best = {token for _, token in own[:per_token]}
        if config.shared_embeddings and source not in expected | forbidden:
            best.add(source)
        assert shortlist.of(source).tolist() == sorted(best)


def test_arrays_restore_everything() -> None:
    counts, *_ = filled(SHARED)
    other = AlignmentCounts(SHARED)
    other.restore(counts.arrays())
    for name, values in lists(counts).items():
        np.testing.assert_array_equal(lists(other)[name], values)


def lists(counts: AlignmentCounts) -> dict[str, Any]:
    shortlist = counts.shortlist(10, 4)
    return {name: getattr(shortlist, name) for name in ("common", "offsets", "tokens")}


def test_pairs_seen_least_are_dropped() -> None:
    counts = AlignmentCounts(SHARED, most_pairs=5)
    sources = np.repeat(np.arange(10, 20), np.arange(1, 11)).astype(np.int32)
    counts.add_pairs(sources, sources + 20)
    assert counts.arrays()["counts"].tolist() == [6, 7, 8, 9, 10]


def test_what_is_dropped_does_not_depend_on_when_counts_were_saved() -> None:
    rng = np.random.default_rng(2)
    steps = [rng.integers(5, 30, (2, 7)).astype(np.int32) for _ in range(40)]
    at_once, saved = (AlignmentCounts(SHARED, most_pairs=20) for _ in range(2))
    for number, (sources, targets) in enumerate(steps):
        at_once.add_pairs(sources, targets)
        saved.add_pairs(sources, targets)
        if number % 3 == 0:
            arrays = saved.arrays()
            saved = AlignmentCounts(SHARED, most_pairs=20)
            saved.restore(arrays)
    for name, values in at_once.arrays().items():
        np.testing.assert_array_equal(saved.arrays()[name], values, err_msg=name)
