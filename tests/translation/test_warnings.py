"""What a translation says of itself: empty, repeating, of characters that the vocabulary cannot read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from octavo.artifact import ModelDirectory
from octavo.engine import Hypothesis, SearchOptions
from octavo.translation import Translation, TranslationWarning, Translator
from octavo.translation.warning import repeats

from ..fake_engine import FakeEngine

EMPTY = TranslationWarning.EMPTY
REPETITION = TranslationWarning.REPETITION
UNKNOWN = TranslationWarning.UNKNOWN_CHARACTERS


class StubEngine(FakeEngine):
    """Says nothing for a source of two tokens, and repeats one of five tokens twelve times."""

    def translate(
        self, sources: Sequence[npt.NDArray[np.int32]], options: SearchOptions
    ) -> list[list[Hypothesis]]:
        found = super().translate(sources, options)
        for source, hypotheses in zip(sources, found, strict=True):
            best = {2: source[:0], 5: np.tile(source, 12)}.get(len(source))
            if best is not None:
                hypotheses[0] = Hypothesis(best, -1.0, True)
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


def test_an_empty_translation_of_a_text_is_flagged(stub: Translator) -> None:
    found = stub(text_of(stub, 2))
    assert (found.text, found.warnings) == ("", (EMPTY,))


@pytest.mark.parametrize("text", ["\ud800", "\u200b", "\x01"])
def test_a_text_of_which_nothing_can_be_read_is_flagged(translator: Translator, text: str) -> None:
    found = translator(text)
    assert (found.text, found.warnings) == ("", (EMPTY,))


def test_an_empty_translation_of_one_sentence_among_others_is_flagged(stub: Translator) -> None:
    found = stub(f"Bako tire sal.\n{text_of(stub, 2)}")
    assert found.text
    assert found.warnings == (EMPTY,)


def test_a_repetition_that_the_source_has_not_is_flagged(stub: Translator) -> None:
    assert stub(text_of(stub, 5)).warnings == (REPETITION,)


def test_a_repetition_of_the_source_is_none_of_the_translations(translator: Translator) -> None:
    found = translator("ba ko ti re " * 5)
    assert repeats(found.tokens)
    assert found.warnings == ()


@pytest.mark.parametrize("text", ["你好", "Bako 🙂 tire."])
def test_characters_that_the_vocabulary_lacks_are_flagged(translator: Translator, text: str) -> None:
    assert UNKNOWN in translator(text).warnings


def test_a_stream_has_the_same_warnings_in_order_and_each_once(stub: Translator) -> None:
    two, five = text_of(stub, 2), text_of(stub, 5)
    texts = ["Bako tire sal.", two, f"{two}\n{five}\n{two}\n你\n好"]
    found: list[Translation] = list(stub.stream(iter(texts), look_ahead=1))
    assert [translation.warnings for translation in found[:2]] == [(), (EMPTY,)]
    assert found[2].warnings == (EMPTY, REPETITION, UNKNOWN)
    assert found == stub(texts)


def test_a_warning_is_a_sentence() -> None:
    for warning in TranslationWarning:
        assert isinstance(warning, str)
        assert warning[0].isupper() and warning.endswith(".")


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([], False),
        ([1, 2, 3], False),
        ([1, 2, 3, 4] * 2, False),
        ([1, 2, 3, 4] * 3, True),
        ([7] * 5, False),
        ([7] * 6, True),
        ([1, 2, 3, 4, 9, 1, 2, 3, 4, 8, 1, 2, 3, 4], True),
        ([1, 2, 3, 9, 1, 2, 3, 8, 1, 2, 3], False),
        (list(range(100)), False),
    ],
)
def test_what_counts_as_a_repetition(tokens: list[int], expected: bool) -> None:
    assert repeats(tokens) is expected
