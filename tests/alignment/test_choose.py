"""Heads are chosen by the statistics of text: links, the choice, and a model directory with its heads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from octavo.alignment.choose import choose_heads
from octavo.alignment.links import links
from octavo.alignment.make import AlignmentError, align_model
from octavo.artifact import ModelDirectory
from octavo.errors import ModelError, OutputError
from octavo.model.scheme import Scheme

from ..models import language_config, synthetic_sentences, tiny_config, write_tiny_model


def dictionary_text(pairs: int, seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Sources, targets of which every token is its source token plus 100, two neighbours swapped; and where
    each target token comes from."""
    rng = np.random.default_rng(seed)
    sources, targets, truth = [], [], []
    for _ in range(pairs):
        source = rng.permutation(40)[: rng.integers(4, 12)].astype(np.int32)
        order = np.arange(len(source))
        first = rng.integers(0, len(source) - 1)
        order[[first, first + 1]] = order[[first + 1, first]]
        sources.append(source)
        targets.append(source[order] + 100)
        truth.append(order)
    return sources, targets, truth


def test_links_find_a_dictionary() -> None:
    sources, targets, truth = dictionary_text(200)
    for found, expected in zip(links(sources, targets), truth, strict=True):
        assert found.tolist() == expected.tolist()


def test_a_token_without_a_counterpart_is_linked_with_nothing() -> None:
    sources, targets, _ = dictionary_text(200)
    targets = [np.append(target, np.int32(7)) for target in targets]
    assert all(found[-1] == -1 for found in links(sources, targets))


class Heads:
    """An engine of four heads: of two one sees each half of the source tokens, the others see the first."""

    def __init__(self, truth: dict[bytes, np.ndarray]) -> None:
        self.config = tiny_config(decoder_layers=2)
        self._truth = truth

    def attention(self, sources, targets, heads):  # type: ignore[no-untyped-def]
        found = []
        for source, target in zip(sources, targets, strict=True):
            weights = np.zeros((len(heads), len(target) + 1, len(source) + 1), np.uint8)
            weights[:, :, 0] = 10
            for t, s in enumerate(self._truth[source.tobytes()]):
                head = {0: (0, 1), 1: (1, 0)}[int(source[s]) % 2]
                weights[heads.index(head), t, s] = 255
            found.append(weights)
        return found


def test_heads_that_complete_one_another_are_chosen() -> None:
    sources, targets, truth = dictionary_text(100)
    engine = Heads({source.tobytes(): order for source, order in zip(sources, truth, strict=True)})
    choice = choose_heads(engine, sources, targets)  # type: ignore[arg-type]
    assert choice is not None
    assert choice.heads.heads == ((0, 1), (1, 0))
    assert choice.agreement > 0.99
    assert 0.4 < choice.single < 0.9
    assert choice.sentences == 100


def test_too_little_text_chooses_nothing() -> None:
    sources, targets, _ = dictionary_text(15)
    assert choose_heads(Heads({}), sources, targets) is None  # type: ignore[arg-type]
    long = [np.zeros(101, np.int32)] * 40
    assert choose_heads(Heads({}), long, long) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("scheme", [Scheme.NONE, Scheme.INT8, Scheme.INTEGER])
def test_a_model_gets_its_heads_and_nothing_else_changes(scheme: Scheme, tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "model", scheme=scheme)
    choice = align_model(model, tmp_path / "out", synthetic_sentences(40), "text.en", threads=1)
    written = ModelDirectory.open(tmp_path / "out")
    assert written.alignment == choice.heads
    assert written.quality["alignment"]["heads"] == [list(head) for head in choice.heads.heads]
    assert written.quality["alignment"]["source"] == "text.en"
    before, after = (json.loads((path / "config.json").read_text()) for path in (model, tmp_path / "out"))
    assert after.pop("alignment") == choice.heads.to_dict()
    assert after == before
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()


def test_what_cannot_be_aligned_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "model")
    with pytest.raises(AlignmentError, match=r"text.en: holds too little text .* at least 16 sentences"):
        align_model(model, tmp_path / "out", ["One line."], "text.en", threads=1)
    with pytest.raises(OutputError):
        align_model(model, model, synthetic_sentences(20), "text.en", threads=1)
    language = write_tiny_model(tmp_path / "language", config=language_config())
    with pytest.raises(ModelError, match="is a language model, and `octavo align` needs a translation model"):
        align_model(language, tmp_path / "out", synthetic_sentences(20), "text.en", threads=1)
    assert not (tmp_path / "out").exists()
