"""A translator of a model of several languages: which tokens stand around a text, and where its marks go."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import octavo
from octavo.artifact import ModelDirectory
from octavo.documents import Passage
from octavo.engine import Engine, SearchOptions
from octavo.languages import LanguageError
from octavo.memory import TranslationMemory
from octavo.model.alignment_heads import AlignmentHeads
from octavo.text.parts import Mark, Side
from octavo.translation import Translator

from ..fake_engine import FakeEngine
from ..models import madlad_languages, nllb_languages, opus_languages, tiny_config, write_tiny_model

EN, DE, FR = 4, 5, 6
EOS = 3


@pytest.fixture(scope="module")
def nllb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    heads = AlignmentHeads(((0, 0), (1, 1)))
    return write_tiny_model(
        tmp_path_factory.mktemp("models") / "nllb",
        languages=nllb_languages(),
        alignment=heads,
        source_language="mul",
        target_language="mul",
    )


@pytest.fixture(scope="module")
def opus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "opus"
    return write_tiny_model(path, languages=opus_languages(), target_language="mul")


def faked(path: Path, **options: str) -> tuple[Translator, FakeEngine]:
    model = ModelDirectory.open(path)
    engine = FakeEngine(model.config)
    return Translator(model, engine, **options), engine  # type: ignore[arg-type]


def ids(translator: Translator, text: str) -> list[int]:
    return translator.model.tokenizers()[0].encode(text)


def prefixes(engine: FakeEngine) -> list[list[int] | None]:
    return [None if p is None else p.tolist() for call in engine.target_prefixes for p in call or ()]


def test_every_sentence_has_the_tokens_of_both_languages(nllb: Path) -> None:
    translator, engine = faked(nllb)
    found = translator("Bako tire. Munsal.", source="eng_Latn", to="de")
    assert engine.batches == [[[EN, *ids(translator, "Bako tire.")], [EN, *ids(translator, "Munsal.")]]]
    assert prefixes(engine) == [[DE], [DE]]
    assert found.text == "Bako tire. Munsal."
    assert found.tokens[0] == DE
    assert found.target_tokens == sum(len(source) + 1 for source in engine.batches[0])  # EOS, not the prefix


def test_languages_are_of_a_call_or_of_the_translator(nllb: Path) -> None:
    translator, engine = faked(nllb, source="en", to="de")
    translator(["Bako."])
    translator(["Bako."], to="fr")
    translator(["Bako."], source="fr")
    assert [batch[0][0] for batch in engine.batches] == [EN, EN, FR]
    assert prefixes(engine) == [[DE], [FR], [DE]]
    assert (translator.direction().source, translator.direction(to="fr").target) == ("en", "fr")


def test_a_suffix_comes_behind_the_text(tmp_path: Path) -> None:
    """NLLB's older order: the text, EOS, and the language of the source."""
    languages = nllb_languages(source_prefix=(), source_suffix=(EOS, "$source"))
    path = write_tiny_model(tmp_path / "m", config=tiny_config(source_eos=False), languages=languages)
    translator, engine = faked(path, source="en", to="de")
    assert translator("Bako tire.").text.startswith("Bako tire.")
    assert engine.batches == [[[*ids(translator, "Bako tire."), EOS, EN]]]


def test_languages_have_to_be_known(nllb: Path, opus: Path) -> None:
    translator, engine = faked(nllb)
    with pytest.raises(LanguageError, match=r"nllb: source language: .* told which .*eng_Latn, deu_Latn"):
        translator("Bako.")
    with pytest.raises(LanguageError, match="'zh': may be zho_Hans or zho_Hant; state which"):
        translator("Bako.", source="en", to="zh")
    with pytest.raises(LanguageError, match="'xx': the model does not have it"):
        faked(nllb, to="xx")
    with pytest.raises(TypeError, match="to = 5: must be a str"):
        translator("Bako.", source="en", to=5)  # type: ignore[call-overload]
    translator, engine = faked(opus)
    with pytest.raises(LanguageError, match=r"opus: target language: .*\(to=, --to\): >>deu<<, >>fra<<"):
        translator("Bako.")
    assert engine.batches == []


def test_a_text_that_begins_with_a_code_goes_before_the_call(opus: Path) -> None:
    translator, engine = faked(opus, to="de")
    assert translator([">>fra<< Bako tire.", "Bako tire."])[0].text == "Bako tire."
    assert engine.batches == [[[5, *ids(translator, "Bako tire.")], [4, *ids(translator, "Bako tire.")]]]
    with pytest.raises(LanguageError, match="'>>xyz<<': the model does not have it; it has >>deu<<, >>fra<<"):
        translator(">>xyz<< Bako tire.")
    untold, engine = faked(opus)
    untold(">>deu<< Bako.")
    assert engine.batches[0][0][0] == 4


@pytest.fixture(scope="module")
def madlad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "madlad"
    return write_tiny_model(path, languages=madlad_languages(), target_language="mul")


def test_a_text_may_begin_with_a_code_of_madlad(madlad: Path) -> None:
    translator, engine = faked(madlad, to="de")
    found = translator(["<2fr> Bako tire. Munsal.", "Bako tire. Munsal.", "Ba <2fr> ko."])
    sentences = [ids(translator, text) for text in ("Bako tire.", "Munsal.")]
    fr, de = ([[95, code, *sentence] for sentence in sentences] for code in (5, 4))
    assert engine.batches[0][:4] == [*fr, *de]
    assert not {4, 5} & set(engine.batches[0][4][2:])
    assert [one.text for one in found[:2]] == ["Bako tire. Munsal."] * 2
    with pytest.raises(LanguageError, match="'<2xy>': the model does not have it; it has <2de>, <2fr>"):
        translator("<2xy> Bako.")
    assert translator(">>fra<< Bako.").tokens[:2] != (5,)


def test_the_code_in_front_of_a_text_is_no_part_of_its_translation(opus: Path) -> None:
    translator, _ = faked(opus)
    text = "  >>fra<<  Bako tire.\n- Munsal."
    found = translator(text, alignments=True)
    assert (found.source, found.text) == (text, "Bako tire.\n- Munsal.")
    assert [(text[s.source_start : s.source_end], found.text[s.start : s.end]) for s in found.segments] == [
        ("Bako tire.", "Bako tire."),
        ("Munsal.", "Munsal."),
    ]
    assert [one.text for one in translator([">>fra<<", "", " "])] == ["", "", " "]
    markup = translator.html("<p><b>&gt;&gt;fra&lt;&lt;</b> Bako <i>tire</i>.</p>", to="de")
    assert str(markup) == "<p><b></b>Bako <i>tire</i>.</p>"


@pytest.mark.parametrize("text", ["Ba ko. >>fra<< Ti re.", ">>deu<< >>fra<< Ti re.", "{name} >>fra<< Ti re."])
def test_a_code_behind_the_front_of_a_text_is_plain_text(opus: Path, text: str) -> None:
    translator, engine = faked(opus, to="de")
    translator(text)
    read = [list(source) for batch in engine.batches for source in batch]
    assert read and all(source[0] == 4 and not {4, 5} & set(source[1:]) for source in read)


def test_a_model_of_two_languages_serves_no_other(float_model: Path) -> None:
    translator, _ = faked(float_model)
    assert translator("Bako.", source="en-US", to="de") == translator("Bako.")
    with pytest.raises(LanguageError, match="float: language 'fr': the model does not have it; it has de"):
        translator("Bako.", to="fr")


def test_caps_leave_room_for_the_tokens_of_languages(nllb: Path) -> None:
    translator, engine = faked(nllb, source="en", to="de")
    longest = ModelDirectory.open(nllb).config.max_positions - 1
    assert translator("ba ko ti re " * 40).too_long
    assert all(len(source) <= longest * 3 // 4 for source in engine.batches[0])
    engine.batches.clear()
    found = translator("ba ko ti re " * 40, max_length=9)
    assert all(len(source) - 1 <= 8 * 3 // 4 for source in engine.batches[0])
    assert found.complete


def test_marks_follow_their_words_past_the_tokens_of_languages(nllb: Path) -> None:
    opened, closed = Mark(Side.OPEN, 1), Mark(Side.CLOSE, 1)
    translator, _ = faked(nllb, source="en", to="de")
    parts = ("Bako ", opened, "tire", closed, " munsal.")
    assert next(translator.passages([Passage(parts, "")])).parts == parts
    html = "<p>Bako <b>tire</b> %s munsal.</p>"
    assert str(translator.html(html)) == html
    links = translator("Bako tire.", alignments=True).segments[0].links
    assert links and all((link.source_start, link.source_end) == (link.start, link.end) for link in links)


XLIFF = """<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2">
<file original="a" source-language="en" datatype="plaintext"><body>
<trans-unit id="1"><source>Bako tire.</source></trans-unit>
</body></file></xliff>"""


def test_documents_say_their_new_language(nllb: Path, tmp_path: Path) -> None:
    path = tmp_path / "app.xlf"
    path.write_text(XLIFF)
    with octavo.load(nllb, threads=1) as translator:
        found = str(translator.document(path, None, source="en", to="zho_Hant", beam=1))
        assert 'target-language="zh-Hant"' in found and "<target" in found
        with pytest.raises(LanguageError, match="target language"):
            translator.document(path, None, source="en")
        with pytest.raises(LanguageError, match='source = "auto" is for texts'):
            translator.html("<p>Bako tire.</p>", source="auto", to="de")


def test_a_memory_keeps_languages_apart(nllb: Path, opus: Path, tmp_path: Path) -> None:
    with TranslationMemory.open(tmp_path / "memory.db") as memory:
        for path, options, texts in (
            (nllb, ({"to": "de"}, {"to": "fr"}), ("Bako tire.",) * 2),
            (opus, ({}, {}), (">>deu<< Bako tire.", ">>fra<< Bako tire.")),
        ):
            translator, engine = faked(path, source="en")
            for option, text in zip(options, texts, strict=True):
                for _ in range(2):
                    translator(text, memory=memory, **option)
            assert len(engine.batches) == 2


@pytest.mark.skipif(importlib.util.find_spec("py3langid") is None, reason="needs octavo[detect]")
def test_the_language_of_the_source_can_be_found(nllb: Path) -> None:
    translator, engine = faked(nllb, source="auto", to="de")
    translator(["The weather will be fine tomorrow morning.", "Il fera beau demain matin dans tout le pays."])
    assert [source[0] for source in engine.batches[0]] == [EN, FR]


def test_the_engine_is_given_what_the_model_reads(nllb: Path) -> None:
    """The same as the engine makes of the tokens by hand."""
    with octavo.load(nllb, source="en", to="fr", threads=1) as translator:
        found = translator("Bako tire.", beam=2, max_length=4)
        source = np.array([EN, *ids(translator, "Bako tire.")], np.int32)
        options = SearchOptions.from_defaults(translator.model.search, beam=2, max_length=4)
        engine = Engine(translator.model, precision="float32", threads=1)
        best = engine.translate([source], options, target_prefixes=[np.array([FR], np.int32)])[0][0]
        engine.close()
    assert found.tokens == tuple(best.tokens.tolist())
    assert found.score == best.score
    assert found.tokens[0] == FR
