"""Random shortlists for tests."""

from __future__ import annotations

import numpy as np

from octavo.artifact import Shortlist
from octavo.model.config import ModelConfig


def random_shortlist(config: ModelConfig, common: int, per_token: int, seed: int = 0) -> Shortlist:
    """``common`` tokens and EOS; up to ``per_token`` others for every source token."""
    rng = np.random.default_rng(seed)
    usable = np.setdiff1d(np.arange(config.target_vocab_size), [config.eos_id, *config.suppressed_ids])
    shared = rng.choice(usable, common, replace=False)
    others = np.setdiff1d(usable, shared)
    lists = [
        np.sort(rng.choice(others, rng.integers(per_token + 1), replace=False))
        for _ in range(config.source_vocab_size)
    ]
    return Shortlist(
        np.sort([*shared, config.eos_id]).astype(np.int32),
        np.cumsum([0, *map(len, lists)]).astype(np.int32),
        np.concatenate(lists).astype(np.int32),
    )
