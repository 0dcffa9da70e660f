"""Blocks of text that a language model is calibrated on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.models import language_config, synthetic_sentences, write_tiny_model

from octavo.artifact import ModelDirectory
from octavo.calibration.errors import CalibrationError
from octavo.calibration.text.blocks import language_text
from octavo.evaluation.perplexity import trained_context
from octavo.text.stream import TokenStream


def model_with(path: Path, quality: dict[str, object]) -> ModelDirectory:
    return ModelDirectory.open(
        write_tiny_model(path, config=language_config(), quality=quality, target_language="en")
    )


@pytest.fixture
def model(tmp_path: Path) -> ModelDirectory:
    return model_with(tmp_path / "lm", {"dev": [{"context": 17}]})


def test_blocks_are_the_text_and_every_fifth_is_held_out(model: ModelDirectory) -> None:
    lines = synthetic_sentences(100)
    observed, held_out = language_text(lines, model, "text", 10**6)
    assert len(held_out) == (len(observed) + len(held_out)) // 5
    assert {len(block) for block in (*observed.targets, *held_out.targets)} == {16}
    assert not any(len(source) for source in (*observed.sources, *held_out.sources))
    rest, kept = iter(observed.targets), iter(held_out.targets)
    total = len(observed) + len(held_out)
    together = np.concatenate([next(kept if i % 5 == 4 else rest) for i in range(total)])
    stream = TokenStream.encode(lines, model.tokenizers()[0], model.config.eos_id).tokens
    np.testing.assert_array_equal(together, stream[: len(together)])
    assert len(stream) - len(together) < 16


def test_a_sentence_counts_as_so_many_tokens(model: ModelDirectory) -> None:
    observed, held_out = language_text(synthetic_sentences(400), model, "text", 20)
    assert len(observed) + len(held_out) == 20 * 32 // 16


def test_little_text_gives_short_blocks_and_too_little_none(model: ModelDirectory) -> None:
    tokens = len(TokenStream.encode(["ba ko ti"] * 4, model.tokenizers()[0], 3).tokens)
    observed, held_out = language_text(["ba ko ti"] * 4, model, "text", 600)
    assert {len(block) for block in (*observed.targets, *held_out.targets)} == {tokens // 16}
    with pytest.raises(CalibrationError, match="text: has 2 tokens; calibration needs at least 16"):
        language_text(["", ""], model, "text", 600)
    with pytest.raises(CalibrationError, match="15 sentences: calibration needs at least 16"):
        language_text(synthetic_sentences(100), model, "text", 15)


@pytest.mark.parametrize(
    ("quality", "context"),
    [
        ({}, 64),
        ({"dev": [{"context": 16}]}, 16),
        ({"dev": [{"context": 1000}]}, 64),
        ({"dev": [{"context": True}]}, 64),
        ({"dev": "none"}, 64),
        ({"float_model": {"dev": [{"context": 16}]}}, 16),
        ({"dev": [{"context": 8}], "float_model": {"dev": [{"context": 16}]}}, 8),
    ],
)
def test_the_context_of_training_is_remembered(
    tmp_path: Path, quality: dict[str, object], context: int
) -> None:
    assert trained_context(model_with(tmp_path / "lm", quality)) == context
