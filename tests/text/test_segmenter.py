# ruff: noqa: RUF001 - the punctuation of other scripts is meant
"""A text is its segments and separators, always; segments fit the model and hold what a reader expects."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from octavo.conversion.piece_table import PieceTable
from octavo.text import SegmentedText, Segmenter, Tokenizer

from ..models import tiny_tokenizer

LAYOUT = st.text(st.sampled_from("aB1 .!?\n\r\t\u2028\xa0-*•>)(\"'。,:%😀👍🏽\u200d\u0301#é"), max_size=60)
TEXTS = st.one_of(
    st.text(st.characters(categories=None), max_size=60),
    LAYOUT,
    st.lists(LAYOUT, max_size=6).map("\n- ".join),
    st.lists(LAYOUT, max_size=6).map("\n\n  2. ".join),
)
RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda ends: (min(ends), max(ends))))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.spm"
    return Tokenizer(tiny_tokenizer(path, 340, byte_fallback=True))


@pytest.fixture(scope="module")
def segmenter(tokenizer: Tokenizer) -> Segmenter:
    return Segmenter(tokenizer, language="en", longest=400)


def parts(found: SegmentedText) -> list[str]:
    return [found.text[segment.start : segment.end] for segment in found.segments]


def check(found: SegmentedText, longest: int) -> None:
    pieces = parts(found)
    assert all(piece and piece == piece.strip() for piece in pieces)
    ends = [0, *(end for segment in found.segments for end in (segment.start, segment.end))]
    assert ends == sorted(ends)
    assert found.joined(pieces) == found.text
    for segment in found.segments:
        assert bool(segment.ids) != segment.copied
        assert len(segment.ids) <= longest * 3 // 4


@settings(deadline=None, max_examples=300)
@given(text=TEXTS, wrapped=st.booleans(), whole=st.booleans(), longest=st.integers(4, 40), kept=RANGES)
@example(text="\x1f- \x1f", wrapped=True, whole=True, longest=4, kept=[])
def test_segments_and_separators_are_the_text(
    tokenizer: Tokenizer, text: str, wrapped: bool, whole: bool, longest: int, kept: list[tuple[int, int]]
) -> None:
    segmenter = Segmenter(tokenizer, language="de", longest=longest, sentence_by_sentence=not whole)
    found = segmenter.segments(text, wrapped=wrapped, kept=kept)
    check(found, longest)
    for segment in found.segments:
        spans = segmenter.spans(text, segment)
        assert len(spans) == len(segment.ids)
        ends = [segment.start, *(end for span in spans for end in span), segment.end]
        assert ends == sorted(ends)


@settings(deadline=None)
@given(text=TEXTS, wrapped=st.booleans(), kept=RANGES)
def test_no_cut_falls_into_what_is_kept(
    segmenter: Segmenter, text: str, wrapped: bool, kept: list[tuple[int, int]]
) -> None:
    found = segmenter.segments(text, wrapped=wrapped, kept=kept)
    for start, end in kept:
        inside = [s for s in found.segments if s.start < end and start < s.end]
        assert len(inside) <= 1 or start >= end


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("Hello\nWorld", ["Hello", "World"]),
        ("  One. Two!\r\n\r\n\tThree  ", ["One.", "Two!", "Three"]),
        (
            "- one\n* two\n  • three\n1. four\n12) five\na) six\n(b) seven",
            "one two three four five six seven",
        ),
        ("> quoted\n> > twice\n- [x] done\n## Heading", ["quoted", "twice", "done", "Heading"]),
        ("Name\tAge\nTom\t31", ["Name", "Age", "Tom", "31"]),
        ("-5 degrees\n1.5 litres\n2001. A film", ["-5 degrees", "1.5 litres", "2001.", "A film"]),
        ("- \n1.\n*", ["-", "1.", "*"]),
        ("Number 1. It works.", ["Number 1.", "It works."]),
        ("", []),
        (" \n\t\u3000", []),
        ("\ufeffHello\u200b\0 \n\x07", ["Hello"]),
        ("\u200e\u200b", []),
    ],
)
def test_lines(segmenter: Segmenter, text: str, segments: list[str] | str) -> None:
    expected = segments.split() if isinstance(segments, str) else segments
    assert parts(segmenter.segments(text)) == expected


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("A paragraph is\nbroken here. It\ngoes on.", ["A paragraph is\nbroken here.", "It\ngoes on."]),
        ("One line\nand two\n\nNew\r\nparagraph", ["One line\nand two", "New\r\nparagraph"]),
        ("- item one\n  goes on\n- item two", ["item one\n  goes on", "item two"]),
        ("1. item one\n2. item two", ["item one", "item two"]),
        ("It was on May\n3. Then it rained.", ["It was on May\n3.", "Then it rained."]),
        ("Before\n* * *\nafter", ["Before", "* * *", "after"]),
    ],
)
def test_wrapped_paragraphs(segmenter: Segmenter, text: str, segments: list[str]) -> None:
    found = segmenter.segments(text, wrapped=True)
    assert parts(found) == segments
    for segment, part in zip(found.segments, segments, strict=True):
        if not segment.copied:
            assert list(segment.ids) == segmenter.tokenizer.encode(" ".join(part.split()))


@pytest.mark.parametrize(
    "text", ["31", "***", "12:30", "3,5 %", "😀", "→ 5 €", "«…»", "½", "1–2", "\u200d", "👨\u200d👩\u200d👧"]
)
def test_what_has_no_letter_is_copied(segmenter: Segmenter, text: str) -> None:
    (segment,) = segmenter.segments(text).segments
    assert segment.copied
    assert segment.ids == ()


@pytest.mark.parametrize("text", ["5 km", "3rd", "a", "日", "Ж 1"])
def test_what_has_a_letter_is_translated(segmenter: Segmenter, text: str) -> None:
    (segment,) = segmenter.segments(text).segments
    assert not segment.copied


def test_what_is_wholly_kept_is_copied(segmenter: Segmenter) -> None:
    (segment,) = segmenter.segments("%s: 5 http://a.b", kept=[(0, 2), (6, 16)]).segments
    assert segment.copied
    (segment,) = segmenter.segments("%s: 5 http://a.b", kept=[(0, 2)]).segments
    assert not segment.copied


def test_a_kept_range_is_cut_only_where_it_does_not_fit(tokenizer: Tokenizer) -> None:
    segmenter = Segmenter(tokenizer, language="en", longest=12)
    text = "bako tire ba ko, ti re ba ko lo. Bako " * 3
    for start, end in ((5, 23), (10, 20)):
        found = segmenter.segments(text, kept=[(start, end)])
        assert found.too_long
        fits = tokenizer.count(text[start:end]) <= 9
        inside = [s for s in found.segments if s.start < end and start < s.end]
        assert (len(inside) == 1) == fits
    check(segmenter.segments("x" * 500, kept=[(0, 500)]), 12)


def test_pieces_leave_room_for_the_translation(tokenizer: Tokenizer) -> None:
    segmenter = Segmenter(tokenizer, language="en", longest=40)
    text = "bako tire " * 20
    assert max(len(s.ids) for s in segmenter.segments(text).segments) <= 30
    shorter = segmenter.segments(text, max_length=8)
    assert shorter.too_long
    assert max(len(s.ids) for s in shorter.segments) <= 6
    assert not segmenter.segments("bako tire bako tire bako", max_length=2).too_long, "it fits the model"


def test_a_text_is_kept_whole_where_it_fits(tokenizer: Tokenizer) -> None:
    segmenter = Segmenter(tokenizer, language="en", longest=40, sentence_by_sentence=False)
    assert parts(segmenter.segments("Ba ko. Ti re.\nLo.")) == ["Ba ko. Ti re.", "Lo."]
    found = segmenter.segments("Ba ko. " * 40)
    assert found.too_long
    assert set(parts(found)) == {"Ba ko."}


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """A vocabulary whose last token is the language code >>fra<<."""
    path = tmp_path_factory.mktemp("coded") / "tokenizer.spm"
    table = PieceTable.read(tiny_tokenizer(path))
    pieces = [*table.pieces[:-1], dataclasses.replace(table.pieces[-1], text=">>fra<<")]
    path.write_bytes(table.with_pieces(pieces).to_bytes())
    return Tokenizer(path)


def test_a_language_code_is_in_front_of_every_segment(coded: Tokenizer) -> None:
    code = coded.size - 1
    text = " >>fra<<  Bako tire. Ba ko.\n\n- Ti re"
    segmenter = Segmenter(coded, language="en", longest=40)
    found = segmenter.segments(text)
    assert found.prefix == (code,)
    assert parts(found) == ["Bako tire.", "Ba ko.", "Ti re"]
    assert [segment.ids for segment in found.segments] == [
        (code, *coded.encode(part)) for part in parts(found)
    ]
    assert found.separators == [" >>fra<<  ", " ", "\n\n- ", ""]
    for segment, part in zip(found.segments, parts(found), strict=True):
        first, *spans = segmenter.spans(text, segment)
        assert first == (segment.start, segment.start)
        assert "".join(text[i:j] for i, j in spans) == part.replace(" ", "")
    ids, spans = coded.encode_with_spans(text)
    assert ids == coded.encode(text)
    assert text[slice(*spans[0])] == ">>fra<<"
    assert len(segmenter.segments(">>fra<< " + "ba ko " * 100).segments[0].ids) <= 30


def test_spans_of_a_wrapped_segment_are_those_of_its_text(segmenter: Segmenter) -> None:
    text = "Bako\n  tire ba\r\nko."
    (segment,) = segmenter.segments(text, wrapped=True).segments
    spans = segmenter.spans(text, segment)
    assert "".join(text[i:j] for i, j in spans) == "".join(text.split())
