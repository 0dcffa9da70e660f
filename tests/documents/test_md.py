"""Markdown: what is a passage, and what writing changes."""

from __future__ import annotations

import pytest
from benchmarks.document_stand_ins import Shuffle, upper
from hypothesis import given, settings
from hypothesis import strategies as st

from octavo.documents import DocumentOptions
from octavo.documents.md import read
from octavo.documents.spliced_text import SplicedDocument
from octavo.text.parts import Kept, Mark, Part, Side


def document(source: str) -> SplicedDocument:
    return read(source.encode(), DocumentOptions())


def shown(parts: tuple[Part, ...]) -> str:
    """A passage with its marks as signs: [ and ] for an element, * for a place, {kept}."""
    signs = {Side.OPEN: "[", Side.CLOSE: "]", Side.PLACE: "*"}
    return "".join(
        signs[part.side] if isinstance(part, Mark) else f"{{{part.text}}}" if isinstance(part, Kept) else part
        for part in parts
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("One\ntwo\n\nthree", ["One\ntwo", "three"]),
        ("# Title #\n\nSetext\n---", ["Title", "Setext"]),
        ("see [the *docs*](/url (t)) now", ["see [the [docs]] now"]),
        ("see [it][a], [a][], [a]\n\n[a]: /b", ["see [it], [a], [a]"]),
        ("**Whole**", ["Whole"]),
        ("run `a  b` or <http://x.y>", ["run {a  b} or {http://x.y}"]),
        ("a <b>b</b> <br> c <i>d", ["a [b] * c *d"]),
        ("one  \ntwo\\\nthree", ["one", "two", "three"]),
        ("*one  \ntwo* x", ["[one*two] x"]),
        ("> quoted\n> on\nlazy", ["quoted\non\nlazy"]),
        ("1. one\n\n   two\n   - three\n", ["one", "two", "three"]),
        ("- [x] done\n- [ ] to do", ["done", "to do"]),
        ("a[^1]b\n\n[^1]: The note", ["a*b", "The note"]),
        ("|a|b \\| c|\n|-|-|\n|d||\n", ["a", "b | c", "d"]),
        ("a\n\n    code\n\n```\ncode\n```\n\n<div>\nhtml\n</div>\n", ["a"]),
        ("---\ntitle: no\n---\nyes", ["yes"]),
        ('x ![An image](y.png "t") z', ["x * z", "An image"]),
        ("5 \\* 3 &lt; 4&nbsp;x", ["5 * 3 < 4\xa0x"]),
        ("\tcode\n\n-\ttab", ["tab"]),
    ],
)
def test_passages(source: str, expected: list[str]) -> None:
    assert [shown(passage.parts) for passage in document(source).passages] == expected


OPEN, CLOSE = Mark(Side.OPEN, 1), Mark(Side.CLOSE, 1)


@pytest.mark.parametrize(
    ("source", "translation", "written"),
    [
        ("a  \n", ("b",), "b  \n"),
        ("> a\n> b\n", ("c\nd",), "> c\n> d\n"),
        ("- a\n", ("c\nd",), "- c\n  d\n"),
        ("# a #\r\n", ("b\nc",), "# b c #\r\n"),
        ("a\r\nb", ("c\nd",), "c\r\nd"),
        ("a", ("1. *b* `c` [d](e) <f>",), "1\\. \\*b\\* \\`c\\` \\[d\\](e) \\<f\\>"),
        ("a", ("snake_case and 2 * 3",), "snake_case and 2 * 3"),
        ("a &amp; b\\_c", ("R&D & x_y",), "R&amp;D &amp; x\\_y"),
        ("a", ("&amp;",), "&amp;amp;"),
        ("|a|\n|-|\n", ("b | c",), "|b \\| c|\n|-|\n"),
        ("a **b** c", (OPEN, "d", CLOSE, " e"), "**d** e"),
        ("a **b** c", ("x", OPEN, " d ", CLOSE, "e"), "x **d** e"),
        ("a **b** c", ("x", OPEN, "d,", CLOSE, "e"), "x<strong>d,</strong>e"),
        ("a [b] c\n\n[b]: d", ("a ", OPEN, "B2", CLOSE, " c"), "a [B2][b] c\n\n[b]: d"),
    ],
)
def test_writing(source: str, translation: tuple[Part, ...], written: str) -> None:
    assert document(source).write([translation]).decode() == written


MARKDOWN = st.text(
    st.sampled_from("ab *_`~[]()!<>#-+1.|\\&;:\"'\n\n\n \t\r\0") | st.characters(exclude_categories=["Cs"]),
    max_size=80,
)


@settings(max_examples=300, deadline=None)
@given(MARKDOWN)
def test_any_text_comes_back(source: str) -> None:
    found = document(source)
    assert found.write([passage.parts for passage in found.passages]) == source.encode()
    found.write([upper(passage.parts) for passage in found.passages])
    found.write([Shuffle(1)(passage.parts) for passage in found.passages])


@pytest.mark.parametrize(
    "source",
    [
        "|a" * 5000 + "\n" + "|-" * 5000 + "\n",
        "[" * 30_000,
        "<b>" * 10_000,
        "*a_ " * 10_000,
        "> " * 5000 + "a",
        "`" * 30_000,
    ],
)
def test_hostile_nesting_ends_soon(source: str) -> None:
    found = document(source)
    assert found.write([None] * len(found.passages)) == source.encode()


def test_emphasis_stays_where_words_move() -> None:
    source = "A **bold *and* strong** word, [a link](x) and `code`, ~~gone~~ <b>for</b> good."
    found = document(source)
    for seed in range(50):
        written = found.write([Shuffle(seed)(passage.parts) for passage in found.passages])
        parts = read(written, DocumentOptions()).passages[0].parts
        assert sorted(shown(parts).replace(" ", "")) == sorted(
            shown(found.passages[0].parts).replace(" ", "")
        ), written
