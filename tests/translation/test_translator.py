"""The Translator around an engine: order, blocks, blank and long texts, scores, options."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import octavo
from octavo.artifact import ModelDirectory
from octavo.translation import OptionError, Translation, Translator
from octavo.translation import translator as module

from ..fake_engine import FakeEngine
from ..models import synthetic_sentences, tiny_config, write_tiny_model


def test_a_text_gives_one_translation_and_a_list_a_list_in_order(translator: Translator) -> None:
    texts = synthetic_sentences(50)
    alone = [translator(text) for text in texts]
    assert [translation.source for translation in alone] == texts
    assert [translation.text for translation in alone] == texts
    assert translator(texts) == alone
    assert translator(iter(texts)) == alone
    assert translator([]) == []
    assert str(alone[0]) == texts[0]


@pytest.mark.parametrize("blank", ["", " ", "\t \u00a0\u3000", "\n\n", "\x00\x07", "\u2028"])
def test_blank_text_stays_blank_without_the_engine(
    translator: Translator, engine: FakeEngine, blank: str
) -> None:
    found = translator(blank)
    assert (found.text, found.score, found.tokens, found.complete) == (blank, 0.0, (), True)
    assert (found.pieces, found.target_tokens) == (0, 0)
    assert engine.batches == []


def test_blank_texts_keep_their_places(translator: Translator) -> None:
    assert [t.text for t in translator(["", "Bako.", " ", "Tire."])] == ["", "Bako.", " ", "Tire."]


def test_line_breaks_and_what_lies_around_sentences_stay(translator: Translator) -> None:
    text = "  Bako tire.  Sal.\r\n\n\t- Munzen\u2028 * sal tire. \n"
    assert translator(text).text == text


def test_a_wrapped_line_goes_on_in_the_next(translator: Translator, engine: FakeEngine) -> None:
    found = translator("Bako\ntire.\n\nSal.", wrapped=True)
    assert (found.text, found.pieces) == ("Bako tire.\n\nSal.", 2)
    assert translator("Bako\ntire.").pieces == 2


def test_segments_say_where_they_are(translator: Translator) -> None:
    text = "Bako tire.\n 31\nSal! "
    found = translator(text)
    assert [text[part.source_start : part.source_end] for part in found.segments] == [
        "Bako tire.",
        "31",
        "Sal!",
    ]
    assert [part.origin for part in found.segments] == ["model", "copy", "model"]
    assert [found.text[part.start : part.end] for part in found.segments] == ["Bako tire.", "31", "Sal!"]


def long_sentence() -> str:
    """Several times longer than the model can take, and nothing in it ends a sentence."""
    return re.sub("[.!?]", "", " ".join(synthetic_sentences(40)))


def test_a_text_is_translated_sentence_by_sentence(translator: Translator, engine: FakeEngine) -> None:
    found = translator("Bako tire. Sal! Munzen.", nbest=2)
    assert (found.text, found.pieces, found.too_long) == ("Bako tire. Sal! Munzen.", 3, False)
    assert len(engine.batches[0]) == 3
    assert len(found.alternatives) == 2, "joined rank by rank"
    assert found.alternatives[0].score > found.alternatives[1].score


def test_a_text_is_kept_whole_where_it_should_be(translator: Translator, engine: FakeEngine) -> None:
    text = "Bako tire. Sal! Munzen."
    assert translator(text, sentences=False).pieces == len(engine.batches[0]) == 1
    assert translator(text).pieces == translator(text, sentences=True).pieces == 3
    translator.sentence_by_sentence = False
    assert translator(text).pieces == translator(text, sentences=None).pieces == 1
    assert translator(text, sentences=True).pieces == 3
    with pytest.raises(TypeError, match="sentences = 'no': must be True or False"):
        translator(text, sentences="no")  # type: ignore[call-overload]


def test_a_long_sentence_is_translated_in_pieces_and_nothing_is_lost(
    translator: Translator, engine: FakeEngine
) -> None:
    text = long_sentence()
    found = translator(text)
    assert (found.text, found.too_long) == (text, True)
    assert found.pieces == len(engine.batches[0]) > 3
    assert max(map(len, engine.batches[0])) <= (64 - 1) * 3 // 4
    assert found.tokens == tuple(token for piece in engine.batches[0] for token in piece)
    assert found.target_tokens == len(found.tokens) + found.pieces


def test_a_long_text_between_short_ones(translator: Translator) -> None:
    long = " ".join(synthetic_sentences(40))
    assert [t.text for t in translator(["Bako.", long, "", "Tire."])] == ["Bako.", long, "", "Tire."]


def test_a_word_without_end_is_translated_in_pieces(translator: Translator, engine: FakeEngine) -> None:
    found = translator("ba" * 2500)
    assert found.text.replace(" ", "") == "ba" * 2500
    assert found.pieces == len(engine.batches[0])


@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.0])
def test_pieces_score_as_one_translation(translator: Translator, engine: FakeEngine, penalty: float) -> None:
    found = translator(" ".join(synthetic_sentences(40)), length_penalty=penalty)
    length = sum(len(piece) + 1 for piece in engine.batches[0])
    assert found.score == pytest.approx(-length / length**penalty, rel=1e-12)


def test_a_piece_cut_short_makes_the_whole_incomplete(translator: Translator) -> None:
    found = translator("Bako. " + "tire " * 60 + "sal.", max_length=1)
    assert not found.complete
    assert translator("Ba.", max_length=20).complete


def test_pieces_are_small_enough_for_the_maximum_length(translator: Translator, engine: FakeEngine) -> None:
    text = long_sentence()
    found = translator(text, max_length=20)
    assert (found.text, found.complete) == (text, True)
    assert max(map(len, engine.batches[0])) <= 15


def test_only_the_positions_limit_a_translation_unless_the_caller_does(tmp_path: Path) -> None:
    config = tiny_config(max_positions=8192)
    model = ModelDirectory.open(write_tiny_model(tmp_path / "model", config=config))
    text = long_sentence()
    with Translator(model, FakeEngine(config)) as translator:
        found = translator(text)
        assert (found.text, found.complete, found.pieces) == (text, True, 1)
        assert found.target_tokens > 513
        cut = translator(text, max_length=512)
        assert (cut.complete, cut.pieces, cut.target_tokens) == (False, 1, 512)


def test_the_fewest_positions_will_do(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "model", config=tiny_config(max_positions=2))
    with octavo.load(path, threads=1) as translator:
        found = translator(["Bako tire.", ""])
    assert [len(translation.segments) > 1 for translation in found] == [True, False]


def test_alternatives_are_the_n_best_and_the_first_is_the_translation(translator: Translator) -> None:
    found = translator("Bako tire sal.", beam=4, nbest=3)
    assert len(found.alternatives) == 3
    assert [alternative.score for alternative in found.alternatives] == [-1.0, -2.0, -3.0]
    best = found.alternatives[0]
    assert (found.text, found.score, found.tokens) == (best.text, best.score, best.tokens)
    assert found.alternatives[1].tokens == found.tokens[:-1]


def test_a_stream_reads_no_further_ahead_than_it_is_told(translator: Translator) -> None:
    taken: list[int] = []

    def endless() -> Iterator[str]:
        for i in count():
            taken.append(i)
            yield f"Ba {'ko ' * (i % 7)}ti."

    stream = translator.stream(endless(), look_ahead=10)
    assert taken == []
    next(stream)
    assert len(taken) == 10
    assert len(list(islice(stream, 9))) == 9
    assert len(taken) == 10
    next(stream)
    assert len(taken) == 20


def test_a_stream_of_one_answers_before_it_reads_on(translator: Translator) -> None:
    asked: list[str] = []

    def questions() -> Iterator[str]:
        for text in ("Bako.", "Tire.", "Sal."):
            asked.append(text)
            yield text

    for number, answer in enumerate(translator.stream(questions(), look_ahead=1), 1):
        assert answer.text == asked[-1]
        assert len(asked) == number


def test_long_texts_end_a_block_early(
    translator: Translator, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("octavo.text.blocks.MAX_BLOCK_CHARACTERS", 100)
    list(translator.stream(["Bako tire sal."] * 30))
    assert [len(batch) for batch in engine.batches] == [8, 8, 8, 6]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (None, "the text is None: must be a str, or a list .*; leave out what is missing"),
        (7, r"the text is 7 \(int\): must be a str, or a list"),
        (b"Bako.", r"the text is b'Bako.' \(bytes\): must be a str.*; decode it first"),
        (Path("talk.en"), r"\(PosixPath\): must be a str.*; read the file first"),
        ({"title": "Bako."}, r"the texts are \{'title': 'Bako.'\} \(dict\): .* list\(d.values\(\)\)"),
        (np.array([["Bako."]]), "the texts are a ndarray of 2 dimensions.*pass one column"),
        (["Bako.", None], "text 1 is None: must be a str; leave out what is missing"),
        ([b"Bako."], r"text 0 is b'Bako.' \(bytes\): must be a str; decode it first"),
        (
            ["Bako."] * 5000 + [math.nan],
            r"text 5000 is nan \(float\): must be a str; leave out what is missing",
        ),
        (["Bako.", 7], r"text 1 is 7 \(int\): must be a str; convert it with str\(\)"),
    ],
)
def test_what_is_no_text_is_refused_before_anything_is_translated(
    translator: Translator, engine: FakeEngine, wrong: object, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        translator(wrong)  # type: ignore[call-overload]
    assert engine.batches == []


def test_what_holds_several_texts_is_taken(translator: Translator) -> None:
    texts = ("Bako.", "Tire.")
    for several in (texts, dict.fromkeys(texts).keys(), np.array(texts), np.array(texts, dtype=object)):
        assert [translation.text for translation in translator(several)] == list(texts)


@pytest.mark.parametrize("wrong", ["Bako.", None, b"Bako.", {"title": "Bako."}])
def test_a_stream_refuses_what_is_no_iterable_of_texts_at_once(translator: Translator, wrong: Any) -> None:
    with pytest.raises(TypeError, match="the text"):
        translator.stream(wrong)


def test_a_stream_gives_what_comes_before_an_entry_that_is_no_text(translator: Translator) -> None:
    stream = translator.stream(["Bako.", None], look_ahead=1)  # type: ignore[list-item]
    assert next(stream).text == "Bako."
    with pytest.raises(TypeError, match="text 1 is None"):
        next(stream)


def test_numbers_of_other_types_are_numbers(translator: Translator) -> None:
    found = translator("Bako tire sal.", beam=np.int64(4), nbest=np.uint8(2), length_penalty=np.float32(0.5))  # type: ignore[call-overload]
    assert found == translator("Bako tire sal.", beam=4, nbest=2, length_penalty=0.5)


def test_options_are_checked_before_anything_is_read(translator: Translator) -> None:
    with pytest.raises(OptionError, match="beam = 0"):
        translator.stream(iter(()), beam=0)
    with pytest.raises(ValueError, match="look_ahead = 0"):
        translator.stream([], look_ahead=0)
    with pytest.raises(ValueError, match=r"look_ahead = '5' \(str\): must be a whole number"):
        translator.stream([], look_ahead="5")  # type: ignore[arg-type]


def test_closing_frees_the_engine_and_ends_the_use(translator: Translator, engine: FakeEngine) -> None:
    with translator as opened:
        assert isinstance(opened("Bako."), Translation)
    assert engine.closed
    translator.close()
    with pytest.raises(ValueError, match="closed"):
        translator("Bako.")
    with pytest.raises(ValueError, match="closed"):
        translator("")


def test_closing_beside_a_call_lets_it_end(translator: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    cut = module.Cutter.cut

    def cut_and_close(*arguments: Any, **options: Any) -> Any:  # as another thread would during the call
        translator.close()
        return cut(*arguments, **options)

    monkeypatch.setattr(module.Cutter, "cut", cut_and_close)
    assert translator("Bako.").text == "Bako."
    with pytest.raises(ValueError, match="the translator is closed"):
        translator("Bako.")
