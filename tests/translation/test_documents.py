"""Documents, HTML and memories through a translator that gives every text back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from octavo.documents import DocumentError, Passage
from octavo.engine import MAX_TERMS
from octavo.errors import OctavoError, OutputError
from octavo.memory import TranslationMemory
from octavo.terms import Entry, Glossary
from octavo.text.parts import Kept, Mark, Part, Side
from octavo.translation import Translation, TranslationWarning, Translator
from octavo.translation.source import KeptSpan

from ..fake_engine import FakeEngine

PAGE = """<!DOCTYPE html>
<title>Bako tire</title>
<h1 class=x>Sal <b>munzen</b></h1>
<p>Bako <a href="a?b=1&amp;c">tire <i>sal</i></a>.<!-- no --> Munzen gra. <br>Fu<img src=x>
<ul><li>12<li>Xi lo <code>ba ko</code> qua.</ul>
<script>Bako</script>
"""


def test_html_comes_back_as_it_was(translator: Translator, engine: FakeEngine) -> None:
    found = translator.html(PAGE)
    assert str(found) == PAGE
    assert engine.batches


def test_a_document_is_written_whole(translator: Translator, tmp_path: Path) -> None:
    (tmp_path / "in.html").write_text(PAGE)
    heard: list[tuple[int, int]] = []
    found = translator.document(
        tmp_path / "in.html", tmp_path / "out.html", progress=lambda done, of: heard.append((done, of))
    )
    assert (tmp_path / "out.html").read_bytes() == found.content == PAGE.encode()
    assert heard[-1] == (len(found.passages), len(found.passages))
    assert not list(tmp_path.glob("*.partial"))
    assert translator.document(tmp_path / "in.html", None).content == found.content


def test_a_place_that_cannot_be_written_is_told_before_the_translation(
    translator: Translator, engine: FakeEngine, tmp_path: Path
) -> None:
    (tmp_path / "in.html").write_text(PAGE)
    for output, problem in ((tmp_path, "it is a directory"), (tmp_path / "no" / "x", "there is no folder")):
        with pytest.raises(OutputError, match=problem):
            translator.document(tmp_path / "in.html", output)
    assert not engine.batches


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.html", "<p>12</p><script>Bako</script>", "a.html: has no text to translate; nothing was written"),
        ("a.html", "", "a.html: has no text to translate"),
        ("a.abc", "Bako", "a.abc: no format of documents has the ending '.abc'"),
        ("a.docx", "Bako", "a.docx: "),
    ],
)
def test_a_document_that_cannot_be_translated_is_an_error(
    translator: Translator, tmp_path: Path, name: str, content: str, message: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DocumentError) as caught:
        translator.document(tmp_path / name, tmp_path / "out")
    assert message in str(caught.value)
    assert not (tmp_path / "out").exists()
    with pytest.raises(DocumentError, match=r"missing\.html: cannot be read: No such file"):
        translator.document(tmp_path / "missing.html", tmp_path / "out")


def test_kept_text_that_the_vocabulary_cannot_say_stays(translator: Translator) -> None:
    parts: tuple[Part, ...] = (
        *("Bako ", Mark(Side.OPEN, 1), "tire ", Kept(" \u20ac  \u20ac", 2)),
        *(" sal", Mark(Side.CLOSE, 1), " munzen."),
    )
    (found,) = translator.passages([Passage(parts, "here")])
    assert found.parts == parts
    assert found.translation.warnings == (TranslationWarning.PIECES,)


def test_many_kept_texts_take_linear_time(translator: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    start_of = KeptSpan.text_start.fget

    def counted(span: KeptSpan) -> int:
        nonlocal looks
        looks += 1
        return start_of(span)  # type: ignore[misc]

    monkeypatch.setattr(KeptSpan, "text_start", property(counted))
    counts = []
    for lines in (50, 200):
        looks = 0
        translator("Bako `tire` sal\n" * lines)
        counts.append(looks)
    assert 0 < counts[1] <= 4 * counts[0]


def test_what_a_memory_has_is_not_translated_again(
    translator: Translator, engine: FakeEngine, tmp_path: Path
) -> None:
    with TranslationMemory.open(tmp_path / "m.db") as memory:
        first = translator.html(PAGE, memory=memory)
        calls = len(engine.batches)
        again = translator.html(PAGE, memory=memory)
        assert (str(again), len(engine.batches)) == (str(first), calls)
        changed = translator(["Bako tire", "Sal bako xi."], memory=memory)
        assert engine.batches[calls:] == [[translator.model.tokenizers()[0].encode("Sal bako xi.")]]
        assert [segment.origin for one in changed for segment in one.segments] == ["memory", "model"]


def test_an_imported_translation_goes_before_the_models(translator: Translator, tmp_path: Path) -> None:
    languages = {
        "source_language": translator.model.source_language,
        "target_language": translator.model.target_language,
    }
    with TranslationMemory.open(tmp_path / "m.db") as memory:
        memory.add_imported([("Fu gra.", "Von Hand.")], **languages)
        assert translator("Bako. Fu gra. ", memory=memory).text == "Bako. Von Hand. "


def test_flagged_translations_are_not_kept(
    translator: Translator, engine: FakeEngine, tmp_path: Path
) -> None:
    with TranslationMemory.open(tmp_path / "m.db") as memory:
        for _ in range(2):
            translator("Bako \u4f60 tire sal.", memory=memory)
        assert len(engine.batches) == 2


def test_similar_sources_are_told(translator: Translator, tmp_path: Path) -> None:
    pytest.importorskip("rapidfuzz")
    with TranslationMemory.open(tmp_path / "m.db") as memory:
        translator("Bako tire sal munzen gra.", memory=memory)
        (segment,) = translator("Bako tire sal munzen fu.", memory=memory, similar=75).segments
        assert segment.similar is not None
        assert segment.similar.source == "Bako tire sal munzen gra."


def test_a_translation_can_be_awaited(translator: Translator) -> None:
    async def both() -> tuple[Translation, list[Translation]]:
        return await asyncio.gather(
            translator.atranslate("Bako."), translator.atranslate(["Tire.", "Sal."], beam=2)
        )  # type: ignore[return-value]

    one, several = asyncio.run(both())
    assert (one.text, [translation.text for translation in several]) == ("Bako.", ["Tire.", "Sal."])
    with pytest.raises(OctavoError):
        asyncio.run(translator.atranslate("Bako.", beam=0))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "parts",
    [
        ("Bako ", Kept("", 1), "tire."),
        (Kept("", 1), "Bako tire.", Kept("", 2)),
        (Kept(" ", 1), "Bako tire.", Mark(Side.PLACE, 3), Kept("12", 2)),
        (Mark(Side.OPEN, 1), Mark(Side.CLOSE, 1), "Bako.", Mark(Side.OPEN, 2), " Tire.", Mark(Side.CLOSE, 2)),
        ("Bako. Ti", Mark(Side.OPEN, 1), "re. Sa", Mark(Side.CLOSE, 1), "l."),
        (Mark(Side.PLACE, 1),),
        ("Bako.", Mark(Side.OPEN, 1), Kept("\n", 2), Mark(Side.CLOSE, 1), "Tire sal."),
        (),
    ],
)
def test_parts_come_back_as_they_were(translator: Translator, parts: tuple[Part, ...]) -> None:
    (found,) = translator.passages([Passage(parts, "here")])
    assert found.parts == parts


def test_terms_are_said(translator: Translator, engine: FakeEngine) -> None:
    glossary = Glossary([Entry("tire", ("sal",)), Entry("munzen")])
    (found,) = translator(["Bako tire munzen."], glossary=glossary)
    assert found.warnings == (TranslationWarning.TERM,), "this engine does not heed terms"
    (terms,) = engine.terms[-1] or ()
    assert [translator.model.tokenizers()[1].decode(t.alternatives[0].tolist()) for t in terms or ()] == [
        "munzen",
        "sal",
    ]


def test_more_terms_than_the_engine_takes_are_left_out(translator: Translator, engine: FakeEngine) -> None:
    words = [first + second for first in "bdfgklmnprst" for second in "aeiou"]
    glossary = Glossary([Entry(word, ("sal",)) for word in words])
    found = translator(" ".join(words * 10), glossary=glossary)
    assert TranslationWarning.TERM in found.warnings
    assert max(len(terms or ()) for call in engine.terms for terms in call or ()) <= MAX_TERMS


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alignments": 1}, r"alignments = 1: must be True or False"),
        ({"wrapped": "no"}, r"wrapped = 'no': must be True or False"),
    ],
)
def test_a_switch_is_true_or_false(translator: Translator, options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        translator("Bako.", **options)


def test_numpys_bools_are_such(translator: Translator, engine: FakeEngine) -> None:
    assert translator("Bako.", alignments=np.True_).segments[0].links  # type: ignore[call-overload]


def test_html_is_read_as_the_str_that_it_is(translator: Translator) -> None:
    found = translator.html('<meta charset="iso-8859-1"><p>Gr\u00f6\u00dfe')
    assert [translation.source for _, translation in found.passages] == ["Gr\u00f6\u00dfe"]


def test_xml_is_translated_and_ignored_tags_stay(translator: Translator, engine: FakeEngine) -> None:
    text = "Bako <b>tire</b> <c>sal</c>."
    assert str(translator.xml(text)) == text
    assert [passage.source for _, passage in translator.xml(text).passages] == ["Bako tire sal."]
    for ignored in (translator.xml, translator.html):
        engine.batches.clear()
        assert str(ignored("<p>Bako tire</p><c>sal</c>", ignored_tags=["c"])) == "<p>Bako tire</p><c>sal</c>"
        assert len(engine.batches[0]) == 1
    with pytest.raises(DocumentError, match="line 1, column 4: this is not well-formed XML"):
        translator.xml("a & b")


def test_html_that_is_no_str_is_told(translator: Translator) -> None:
    with pytest.raises(TypeError, match=r"the HTML is b'<p>Bako' \(bytes\): must be a str"):
        translator.html(b"<p>Bako")  # type: ignore[arg-type]


def test_a_column_can_be_named_by_itself(translator: Translator, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("name,text\nBako,Tire\n")
    found = translator.document(tmp_path / "in.csv", tmp_path / "out.csv", columns="text")
    assert [translation.source for _, translation in found.passages] == ["Tire"]


def test_terms_in_kept_text_are_no_terms(translator: Translator, engine: FakeEngine) -> None:
    glossary = Glossary([Entry("tire", ("sal",))])
    parts = ("Bako ", Kept("tire gra", 1), " xi.")
    (found,) = translator.passages([Passage(parts, "here")], glossary=glossary)
    assert (found.parts, found.translation.warnings) == (parts, ())


@pytest.mark.parametrize(
    "parts",
    [
        (
            Mark(Side.OPEN, 1),
            "Bako",
            Mark(Side.CLOSE, 1),
            " tire ",
            Mark(Side.OPEN, 2),
            "sal",
            Mark(Side.CLOSE, 2),
        ),
        (
            Mark(Side.OPEN, 1),
            Mark(Side.OPEN, 2),
            Mark(Side.PLACE, 3),
            "Bako",
            Mark(Side.CLOSE, 2),
            " tire.",
            Mark(Side.CLOSE, 1),
        ),
        ("Bako ", Mark(Side.OPEN, 1), "tire", Mark(Side.PLACE, 2), Mark(Side.CLOSE, 1), Mark(Side.PLACE, 3)),
        (
            "Bako ",
            Mark(Side.OPEN, 1),
            "tire. ",
            Mark(Side.OPEN, 2),
            "Sal",
            Mark(Side.CLOSE, 2),
            " xi.",
            Mark(Side.CLOSE, 1),
        ),
    ],
)
def test_elements_at_an_end_of_a_sentence_move_with_their_words(
    translator: Translator, monkeypatch: pytest.MonkeyPatch, parts: tuple[Part, ...]
) -> None:
    given = []

    def placed(source: Sequence[Part], target: str, *_: Any) -> tuple[Part, ...]:
        given.append(source)
        return tuple(source)

    monkeypatch.setattr("octavo.translation.assembly.place_marks", placed)
    (found,) = translator.passages([Passage(parts, "here")])
    assert found.parts == parts
    assert any(isinstance(part, Mark) for part in given[0])


def test_links_say_which_characters_each_token_is_from(translator: Translator) -> None:
    text = "  Bako tire.\n31\n Sal munzen. "
    found = translator(text, alignments=True)
    links = [link for segment in found.segments for link in segment.links]
    assert all(text[a.source_start : a.source_end] == found.text[a.start : a.end] for a in links)
    assert "".join(found.text[a.start : a.end] for a in links).replace(" ", "") == "Bakotire.Salmunzen."
    assert all(0 < a.weight <= 1 for a in links)


def test_marks_move_in_wrapped_text(translator: Translator) -> None:
    parts = ("Bako\n  ", Mark(Side.OPEN, 1), "tire", Mark(Side.CLOSE, 1), "\nsal.")
    (found,) = translator.passages([Passage(parts, "here", wrapped=True)])
    assert found.parts == ("Bako ", parts[1], "tire", parts[3], " sal.")
