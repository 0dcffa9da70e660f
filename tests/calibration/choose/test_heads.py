"""A quantized model has the alignment heads of its source, or gets those that align the calibration text."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from octavo.artifact import ModelDirectory
from octavo.calibration.choose.heads import alignment_heads
from octavo.calibration.text.pairs import Pairs
from octavo.model.alignment_heads import AlignmentHeads
from octavo.quantization import QuantizedWeights

from ...models import language_config, write_tiny_model


def identical(count: int) -> Pairs:
    """Sentences that are their own translations."""
    rng = np.random.default_rng(0)
    ids = tuple(rng.permutation(np.arange(4, 40))[:8].astype(np.int32) for _ in range(count))
    return Pairs(ids, ids)


def test_heads_are_chosen_in_the_quantized_model(tmp_path: Path) -> None:
    source = ModelDirectory.open(write_tiny_model(tmp_path / "model"))
    quantized = QuantizedWeights(source).model()
    heads = alignment_heads(source, quantized, identical(40), threads=1)
    assert heads is not None
    heads.check(source.config)


def test_the_source_model_has_the_first_word(tmp_path: Path) -> None:
    named = AlignmentHeads(((1, 1),))
    source = ModelDirectory.open(write_tiny_model(tmp_path / "model", alignment=named))
    quantized = QuantizedWeights(source).model()
    assert alignment_heads(source, quantized, identical(40), threads=1) == named
    assert alignment_heads(source, quantized, None, threads=1) == named


def test_without_text_or_a_source_there_are_none(tmp_path: Path) -> None:
    source = ModelDirectory.open(write_tiny_model(tmp_path / "model"))
    quantized = QuantizedWeights(source).model()
    assert alignment_heads(source, quantized, None, threads=1) is None
    assert alignment_heads(source, quantized, identical(15), threads=1) is None
    language = ModelDirectory.open(write_tiny_model(tmp_path / "language", config=language_config()))
    assert alignment_heads(language, QuantizedWeights(language).model(), identical(40), threads=1) is None
