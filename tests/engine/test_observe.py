"""What an observer of the float32 engine is shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.engine import Engine, cpu_report

from ..models import tiny_config, write_tiny_model

HEADS = 4
SOURCE = np.arange(4, 24, dtype=np.int32)  # more than a page


@pytest.mark.parametrize("isa", cpu_report()["available"])
def test_attention_weights_are_those_of_its_queries_and_keys(tmp_path: Path, isa: str) -> None:
    config = tiny_config(attention_heads=HEADS)
    model = ModelDirectory.open(write_tiny_model(tmp_path / "model", config=config))
    name = "encoder.layers.1.self_attention"
    seen: dict[str, list[np.ndarray]] = {}
    Engine(model, precision="float32", threads=1, isa=isa).observe(
        [SOURCE], [SOURCE], lambda site, rows: seen.setdefault(site, []).append(rows.copy())
    )
    queries, keys = (
        seen[f"{name}.{site}"][0].reshape(-1, HEADS, config.head_dim) for site in ("queries", "keys")
    )
    scores = np.einsum("qhc,khc->hqk", queries, keys) / np.sqrt(config.head_dim)
    expected = np.exp(scores - scores.max(axis=-1, keepdims=True))
    found = np.concatenate(seen[f"{name}.weights"]).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
