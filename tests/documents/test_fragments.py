"""Markup that is a string: pieces of documents, prefixes, entities, encodings, and elements that stay."""

from __future__ import annotations

from typing import Literal

import pytest
from tests.documents.archives import shown

from octavo.documents import DocumentError, DocumentOptions
from octavo.documents.fragments import read_fragment

Markup = Literal["html", "xml"]


def passages(text: str, markup: Markup, *ignored: str) -> list[str]:
    document = read_fragment(text, markup, DocumentOptions(ignored_tags=ignored))
    assert document.write_text([passage.parts for passage in document.passages]) == text
    assert document.write_text([None] * len(document.passages)) == text
    return [shown(passage.parts) for passage in document.passages]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A dog", ["A dog"]),
        ("A <b>big</b> dog", ["A [1]big[/1] dog"]),
        ("<p>A dog</p><p>A cat</p>", ["A dog", "A cat"]),
        ("<w:p>A <w:b w:x='1'>big</w:b> dog</w:p>", ["A [1]big[/1] dog"]),
        ("A&nbsp;dog<br/>&amp; <!-- no --> cat", ["A\xa0dog[1.]& [2.] cat"]),
        ('<?xml version="1.0" encoding="iso-8859-1"?>\n<a>Gr\u00f6\u00dfe</a>', ["Gr\u00f6\u00dfe"]),
        ('<a>x <b its:translate="no">y</b> <b>z</b></a>', ["x {y} [2]z[/2]"]),
        ("<octavo-fragment>A dog</octavo-fragment>", ["A dog"]),
        ("", []),
        (" \n", []),
    ],
)
def test_pieces_of_xml(text: str, expected: list[str]) -> None:
    assert passages(text, "xml") == expected


@pytest.mark.parametrize("markup", ["html", "xml"])
def test_elements_that_stay(markup: Markup) -> None:
    text = "<div>A <i>dog</i> <b>big</b></div><p>x <c:d>y</c:d></p><ul><li>z</li></ul>"
    assert passages(text, markup, "b", "c:d", "ul") == ["A [1]dog[/1] {big}", "x {y}"]
    assert passages(text, markup, "p", "li", "b", "i") == ["A {dog} {big}"]


def test_elements_of_html_that_stay_have_any_case_and_keep_their_attributes() -> None:
    assert passages('<IMG alt="a dog"><B title="x">y</B> z', "html", "img", "b") == ["{y} z"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a & b", "line 1, column 4"),
        ("a\n<w:b>y</a>", "line 2, column 9"),
        ("a &klingon; b", "line 1, column 3"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "line 1, column"),
        ("x</octavo-fragment><octavo-fragment>y", "line 1, column 20"),
        ("\0", "line 1, column 1"),
        ("<p>" * 300, "line 1, column"),
    ],
)
def test_xml_that_is_wrong_is_refused_with_its_place(text: str, place: str) -> None:
    with pytest.raises(DocumentError, match=place):
        read_fragment(text, "xml", DocumentOptions())
