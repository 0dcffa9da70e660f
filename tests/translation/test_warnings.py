"""What a translation says of itself: empty, repeating, of characters that the vocabulary cannot read."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from octavo.artifact import ModelDirectory
from octavo.engine import Hypothesis, SearchOptions
from octavo.memory import TranslationMemory
from octavo.translation import Translation, TranslationOptions, TranslationWarning, Translator

from ..fake_engine import FakeEngine

EMPTY = TranslationWarning.EMPTY
REPETITION = TranslationWarning.REPETITION
UNKNOWN = TranslationWarning.UNKNOWN_CHARACTERS


@dataclasses.dataclass
class StubEngine(FakeEngine):
    """Says nothing for a source of two tokens, and repeats one of five tokens twelve times; not in a safer
    search, where it ``mends`` that."""

    mends: bool = False
    complete: bool = True

    def translate(
        self, sources: Sequence[npt.NDArray[np.int32]], options: SearchOptions, *more: Any, **named: Any
    ) -> list[list[Hypothesis]]:
        found = super().translate(sources, options, *more, **named)
        if self.mends and options.no_repeat_ngram:
            return found
        for source, hypotheses in zip(sources, found, strict=True):
            best = {2: source[:0], 5: np.tile(source, 12)}.get(len(source))
            if best is not None:
                hypotheses[0] = Hypothesis(best, -1.0, self.complete)
        return found


@pytest.fixture
def stub(float_model: Path) -> Translator:
    model = ModelDirectory.open(float_model)
    return Translator(model, StubEngine(model.config))


def text_of(translator: Translator, tokens: int) -> str:
    """A sentence of so many tokens, all different."""
    source, _ = translator.model.tokenizers()
    ids = source.encode("Bako tire sal der munzen gra fu xi lo qua")[:tokens]
    text = source.decode(ids)
    assert source.encode(text) == ids
    return text


def test_a_plain_translation_has_no_warning(translator: Translator) -> None:
    assert translator("Bako tire sal.").warnings == ()
    assert translator(" ").warnings == ()


@pytest.mark.parametrize("complete", [True, False])
def test_an_empty_translation_of_a_text_is_flagged(float_model: Path, *, complete: bool) -> None:
    model = ModelDirectory.open(float_model)
    stub = Translator(model, StubEngine(model.config, complete=complete))
    text = text_of(stub, 2)
    found = stub(f" {text}\n")
    assert (found.text, found.warnings, found.pieces) == (f" {text}\n", (EMPTY,), 0)
    assert found.complete is complete


@pytest.mark.parametrize("text", ["\ud800", "\u200b", "\x01"])
def test_a_text_of_which_nothing_can_be_read_stays(translator: Translator, text: str) -> None:
    found = translator(text)
    assert (found.text, found.warnings, found.pieces) == (text, (), 0)


def test_an_empty_translation_of_one_sentence_among_others_is_flagged(stub: Translator) -> None:
    found = stub(f"Bako tire sal.\n{text_of(stub, 2)}")
    assert found.text
    assert found.warnings == (EMPTY,)


def test_a_repetition_that_the_source_has_not_is_flagged(stub: Translator) -> None:
    assert stub(text_of(stub, 5)).warnings == (REPETITION,)


def test_a_repetition_of_the_source_is_none_of_the_translations(translator: Translator) -> None:
    found = translator("ba ko ti re " * 5)
    assert found.warnings == ()


def test_characters_that_the_vocabulary_lacks_are_flagged(translator: Translator) -> None:
    assert UNKNOWN in translator("Bako tire 你 sal.").warnings


def test_text_in_letters_that_the_vocabulary_lacks_stays(translator: Translator) -> None:
    found = translator("Bako tire.\n你好世界。")
    assert (found.text, found.warnings) == (found.source, (TranslationWarning.UNREADABLE,))
    assert found.pieces == 1


def test_an_emoji_stays(translator: Translator) -> None:
    found = translator("Bako 🙂 tire.")
    assert (found.text, found.warnings) == ("Bako 🙂 tire.", (TranslationWarning.PIECES,))


def test_a_stream_has_the_same_warnings_in_order_and_each_once(stub: Translator) -> None:
    two, five = text_of(stub, 2), text_of(stub, 5)
    texts = ["Bako tire sal.", two, f"{two}\n{five}\n{two}\nBako 你 tire"]
    found: list[Translation] = list(stub.stream(iter(texts), look_ahead=1))
    assert [translation.warnings for translation in found[:2]] == [(), (EMPTY,)]
    assert found[2].warnings == (EMPTY, REPETITION, UNKNOWN)
    assert found == stub(texts)


def test_a_warning_is_a_sentence() -> None:
    for warning in TranslationWarning:
        assert isinstance(warning, str)
        assert warning[0].isupper() and warning.endswith(".")


@pytest.mark.parametrize("options", [{"retry": False}, {"no_repeat_ngram": 0}])
def test_a_fault_stays_where_the_caller_wants_the_plain_search(
    float_model: Path, options: TranslationOptions
) -> None:
    model = ModelDirectory.open(float_model)
    with Translator(model, StubEngine(model.config, mends=True)) as translator:
        text = text_of(translator, 5)
        plain = translator(["Bako tire sal.", text], **options)
        again = translator(text, no_repeat_ngram=0, retry=True)
    assert [one.warnings for one in plain] == [(), (REPETITION,)]
    assert plain[1].target_tokens > 50
    assert again.warnings == (TranslationWarning.SEARCHED_AGAIN,)


def test_a_memory_tells_a_plain_search_from_one_that_is_searched_again(
    float_model: Path, tmp_path: Path
) -> None:
    model = ModelDirectory.open(float_model)
    engine = StubEngine(model.config, mends=True)
    with TranslationMemory.open(tmp_path / "memory") as memory, Translator(model, engine) as translator:
        for _ in range(2):
            translator("Bako tire sal.", memory=memory)
            translator("Bako tire sal.", memory=memory, retry=False)
        assert len(memory.holdings()) == 2


def test_a_fault_that_a_safer_search_mends_is_mended_and_said(float_model: Path) -> None:
    model = ModelDirectory.open(float_model)
    with Translator(model, StubEngine(model.config, mends=True)) as translator:
        text = text_of(translator, 5)
        found = translator(["Bako tire sal.", text])
    assert [one.text for one in found] == ["Bako tire sal.", text]
    assert [one.warnings for one in found] == [(), (TranslationWarning.SEARCHED_AGAIN,)]
