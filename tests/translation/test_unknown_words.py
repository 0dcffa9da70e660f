"""Unknown words in a translation, and what a translation begins with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from octavo.engine import Hypothesis
from octavo.memory import TranslationMemory
from octavo.model.alignment_heads import AlignmentHeads
from octavo.translation import OptionError, Translator
from octavo.translation.segment import Segment
from octavo.translation.source import Source
from octavo.translation.target_text import TargetText

from ..models import random_tensors, synthetic_sentences, tiny_config, write_tiny_model

WORDS_ONLY = Path(__file__).resolve().parents[2] / "models" / "en-de-integer"
"""A model whose vocabulary has an unknown token and no bytes."""


@pytest.fixture(scope="module")
def translator() -> Translator:
    return Translator.open(WORDS_ONLY, threads=1)


def hypothesis(tokens: list[int], sources: list[int], length: int) -> Hypothesis:
    attention = np.zeros((len(tokens), length + 1), np.uint16)
    attention[np.arange(len(tokens)), sources] = 200
    return Hypothesis(np.array(tokens, np.int32), -1.0, True, attention)


def test_an_unknown_token_is_what_it_is_aligned_with(translator: Translator) -> None:
    source, target = translator.model.tokenizers()
    text = "A man \u2603\u2603 said x\u2603y."
    ids = source.encode(text)
    assert ids.count(source.unknown_id) == 2
    segment = Segment(Source((text,)), 0, len(text), ids)
    tokens = target.encode("Ein Mann \u2603 sagte x\u2603y .")
    first, second = (at for at, token in enumerate(ids) if token == source.unknown_id)
    unknown = iter([first, second])
    aligned = [next(unknown) if token == target.unknown_id else 0 for token in tokens]
    found = hypothesis(tokens, aligned, len(ids))
    said = TargetText(source, target, copies=True)
    assert said.text(segment, found) == "Ein Mann \u2603\u2603 sagte x\u2603y ."
    assert len(said.spans(segment, found)) == len(tokens)
    assert "\u2047" in TargetText(source, target, copies=False).text(segment, found)


def test_a_word_that_is_copied_stands_apart_as_in_the_source(translator: Translator) -> None:
    source, target = translator.model.tokenizers()
    text = "A bicycle"
    ids = source.encode(text)
    segment = Segment(Source((text,)), 0, len(text), ids)
    tokens = [*target.encode("Ein"), target.unknown_id, *target.encode("heute")]
    found = hypothesis(tokens, [0] * (len(tokens) - 2) + [1, 0], len(ids))
    spans = source.encode_with_spans(text)[1]
    assert (
        TargetText(source, target, copies=True).text(segment, found)
        == f"Ein {text[spans[1][0] : spans[1][1]]} heute"
    )


def test_unknown_words_are_suppressed_allowed_or_copied(tmp_path: Path) -> None:
    """A model that says little but the unknown token."""
    config = tiny_config(output_bias=True, suppressed_ids=(0, 2))
    tensors = random_tensors(config, seed=3)
    tensors["output.bias"][1] += 6
    path = write_tiny_model(tmp_path / "model", config=config, tensors=tensors)
    text = synthetic_sentences(1, seed=2)[0]
    with Translator.open(path, threads=1) as translator:
        unknown = translator.model.tokenizers()[1].unknown_id
        assert unknown in translator(text).tokens
        assert unknown in translator(text, unknown="allow").tokens
        assert unknown not in translator(text, unknown="suppress").tokens
        with pytest.raises(OptionError, match="names no attention heads that align"):
            translator(text, unknown="copy")
        with pytest.raises(OptionError, match="unknown = 'drop': must be one of suppress, allow, copy"):
            translator(text, unknown="drop")
    path = write_tiny_model(
        tmp_path / "aligned", config=config, tensors=tensors, alignment=AlignmentHeads(((1, 0),))
    )
    with Translator.open(path, threads=1) as translator:
        copied = translator(text, unknown="copy", beam=2, nbest=2)
        allowed = translator(text, unknown="allow", beam=2, nbest=2)
        assert copied.tokens == allowed.tokens
        assert "\u2047" in allowed.text
        assert all("\u2047" not in one.text for one in copied.alternatives)
        words = {piece for word in text.split() for piece in (word, word.lower())}
        assert any(part in word for part in copied.text.split() for word in words)


def test_a_translation_begins_with_the_prefix(translator: Translator) -> None:
    texts = ["A man rides a bicycle.", "Two dogs play. A man sleeps.", "  A \u00abwoman\u00bb {name} runs."]
    for text in texts:
        found = translator(text, target_prefix="Ich glaube,", beam=2)
        assert found.text.strip().startswith("Ich glaube,"), found.text
        assert found.text != translator(text, beam=2).text
    together = translator(texts, target_prefix="Ich glaube,", beam=2)
    assert [one.text for one in together] == [
        translator(text, target_prefix="Ich glaube,", beam=2).text for text in texts
    ]
    assert "{name}" in together[2].text
    assert translator(texts[1], target_prefix="Ich glaube,").text.count("Ich glaube,") == 1
    assert translator(texts[0], target_prefix="").text == translator(texts[0]).text
    with pytest.raises(OptionError, match="target_prefix = '\u2603': the model's vocabulary cannot say"):
        translator(texts[0], target_prefix="\u2603")
    with pytest.raises(TypeError, match="target_prefix = 5: must be a str"):
        translator(texts[0], target_prefix=5)  # type: ignore[call-overload]


def test_a_memory_neither_answers_nor_keeps_what_a_prefix_began(
    translator: Translator, tmp_path: Path
) -> None:
    text = "A man rides a bicycle."
    with TranslationMemory.open(tmp_path / "memory.db") as memory:
        begun = translator(text, target_prefix="Ein Herr", memory=memory)
        plain = translator(text, memory=memory)
        assert begun.text.startswith("Ein Herr")
        assert plain.text == translator(text).text
        assert translator(text, target_prefix="Ein Herr", memory=memory).text == begun.text
