"""``octavo align``: what it writes and prints, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

from octavo.artifact import ModelDirectory

from ...models import synthetic_sentences, write_tiny_model
from ..conftest import Octavo


def test_a_model_with_heads_that_align(octavo_here: Octavo, tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "model")
    (tmp_path / "text.en").write_text("\n".join(synthetic_sentences(40)), encoding="utf-8")
    done = octavo_here("align", model, "--source", "text.en", "-t", "1", "-o", "out")
    assert done.returncode == 0, done.stderr.decode()
    alignment = ModelDirectory.open(tmp_path / "out").alignment
    assert alignment is not None
    layer, head = alignment.heads[0]
    printed = done.stdout.decode()
    for words in (f"head {head} of layer {layer}", "of the statistical links in ", "Wrote out"):
        assert words in printed
    assert f"alignments: by head {head} of layer {layer}" in octavo_here("inspect", "out").stdout.decode()
    assert json.loads(octavo_here("inspect", "out", "--json").stdout)["alignment"] == alignment.to_dict()


def test_too_little_text_is_refused(octavo_here: Octavo, tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "model")
    (tmp_path / "text.en").write_text("One line.\n", encoding="utf-8")
    done = octavo_here("align", model, "--source", "text.en", "-t", "1", "-o", "out")
    assert done.returncode != 0
    assert "text.en: holds too little text to choose heads by; give at least 16" in done.stderr.decode()
    assert not (tmp_path / "out").exists()
