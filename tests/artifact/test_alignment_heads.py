"""The key "alignment" of config.json: optional, kept, and refused where a model cannot have it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from octavo.artifact import ModelDirectory
from octavo.errors import ModelError
from octavo.model.alignment_heads import AlignmentHeads
from octavo.model.errors import SpecError
from octavo.quantization import quantize_model

from ..models import language_config, tiny_config, write_tiny_model


def test_heads_are_written_read_and_kept_by_quantization(tmp_path: Path) -> None:
    heads = AlignmentHeads(((0, 1), (1, 0)))
    path = write_tiny_model(tmp_path / "model", alignment=heads)
    assert ModelDirectory.open(path).alignment == heads
    quantize_model(path, tmp_path / "int8")
    assert ModelDirectory.open(tmp_path / "int8").alignment == heads


def test_a_model_need_not_have_them(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "model")
    assert "alignment" not in json.loads((path / "config.json").read_text())
    assert ModelDirectory.open(path).alignment is None


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ([[0, 1]], "alignment: expected an object, found list"),
        ({}, r"alignment: expected {\"heads\": \[\[layer, head\]"),
        ({"heads": [[0, 1]], "more": 1}, "alignment: expected"),
        ({"heads": []}, "alignment: 0 heads: must be from 1 to 16"),
        ({"heads": [[0, 1], [0, 1]]}, "alignment: heads must be in ascending order, each of them once"),
        ({"heads": [[1, 0], [0, 1]]}, "alignment: heads must be in ascending order"),
        ({"heads": [[0]]}, r"alignment: \[0\]: expected \[layer, head\]"),
        ({"heads": [[0, 1.0]]}, r"alignment: \[0, 1.0\]: expected \[layer, head\]"),
        ({"heads": [[0, True]]}, r"alignment: \[0, True\]: expected \[layer, head\]"),
        ({"heads": [[2, 0]]}, "alignment: layer 2: must be from 0 to 1"),
        ({"heads": [[0, 2]]}, "alignment: head 2: must be from 0 to 1"),
        ({"heads": [[-1, 0]]}, "alignment: layer -1: must be from 0 to 1"),
    ],
)
def test_bad_heads_are_refused(tmp_path: Path, value: Any, complaint: str) -> None:
    path = write_tiny_model(tmp_path / "model", config=tiny_config(decoder_layers=2, attention_heads=2))
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**config, "alignment": value}))
    with pytest.raises(ModelError, match=complaint):
        ModelDirectory.open(path)


def test_a_language_model_has_none() -> None:
    with pytest.raises(SpecError, match="a language model has none; it has no source to align with"):
        AlignmentHeads(((0, 0),)).check(language_config())
