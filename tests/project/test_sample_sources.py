"""tools/sample_sources.py: lines of a mixture's corpora, as many as their weights say."""

from __future__ import annotations

from pathlib import Path

import pytest

from octavo.errors import OctavoError

pytest.importorskip("pydantic", reason="recipes need octavo[train]")
import sample_sources

RECIPE = """
name = "mixed"
source_language = "en"
target_language = "de"
[data]
epoch_pairs = 10
[[data.train]]
source = "many.en"
target = "many.de"
weight = 3
[[data.train]]
source = "few.en"
target = "few.de"
weight = 1
[[data.dev]]
source = "few.en"
target = "few.de"
[vocabulary]
size = 100
[model]
d_model = 8
ffn_dim = 8
encoder_layers = 1
decoder_layers = 1
attention_heads = 1
[training]
max_updates = 1
[training.schedule]
peak = 1e-3
warmup = 1
[validation]
every_updates = 1
"""


def written(place: Path, text: str = RECIPE) -> Path:
    """The recipe beside its two corpora, of 90 and 30 lines."""
    for name, count in (("many", 90), ("few", 30)):
        lines = "".join(f"{name} {number}\n" for number in range(count))
        (place / f"{name}.en").write_text(lines, encoding="utf-8")
    (place / "recipe.toml").write_text(text, encoding="utf-8")
    return place / "recipe.toml"


def test_lines_come_by_weight_and_spread_over_their_files(tmp_path: Path) -> None:
    found = sample_sources.sample(written(tmp_path), tmp_path, 12)
    assert found == [f"many {number}" for number in range(0, 90, 10)] + ["few 0", "few 10", "few 20"]


def test_no_more_lines_than_there_are(tmp_path: Path) -> None:
    assert len(sample_sources.sample(written(tmp_path), None, 1000)) == 120


def test_a_recipe_without_weights_is_refused(tmp_path: Path) -> None:
    text = RECIPE.replace("weight = 3", "").replace("weight = 1", "").replace("epoch_pairs = 10", "")
    with pytest.raises(OctavoError, match=r"many\.en has no weight"):
        sample_sources.sample(written(tmp_path, text), None, 10)
