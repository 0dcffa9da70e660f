# ruff: noqa: RUF001 - typographic quotation marks are meant
"""HTML: what is a passage, and what writing changes."""

from __future__ import annotations

import html.parser
from collections import Counter

import pytest
from benchmarks.document_stand_ins import Shuffle, upper
from benchmarks.html_fragments import Grammar, failure
from hypothesis import given
from hypothesis import strategies as st

from octavo.documents import DocumentError, DocumentOptions
from octavo.documents.html import read, read_text
from octavo.text.parts import Kept, Mark, Part, Side, plain


def texts(source: str) -> list[str]:
    """The text of every passage."""
    return [plain(passage.parts) for passage in read_text(source).passages]


def shown(source: str) -> list[str]:
    """Every passage with its marks as signs: [ and ] for an element, * for a place, {kept}."""
    signs = {Side.OPEN: "[", Side.CLOSE: "]", Side.PLACE: "*"}

    def sign(part: Part) -> str:
        if isinstance(part, Kept):
            return f"{{{part.text}}}"
        return signs[part.side] if isinstance(part, Mark) else part

    return ["".join(map(sign, passage.parts)) for passage in read_text(source).passages]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Hello", ["Hello"]),
        ("<p>A <b>bold <i>new</i></b> world", ["A [bold [new]] world"]),
        ("<p>One<p>Two<li>Three<td>Four<br>Five", ["One", "Two", "Three", "Four", "Five"]),
        ("<a href=x><b> All of it </b></a>", ["All of it"]),
        ("<b>Half</b> of it", ["[Half] of it"]),
        ("see <img src=a> here<!-- no -->.", ["see * here*."]),
        ("<img src=a> here<!-- no -->", ["here"]),
        ("call <code>f(&lt;x&gt;)</code> now", ["call {f(<x>)} now"]),
        ("<code>only</code>", []),
        ("<p translate=no>no<p>yes", ["yes"]),
        ("<div class='a notranslate'>no <p>no</p></div>yes", ["yes"]),
        ("<div translate=no>no <p translate=yes>yes</p></div>", ["yes"]),
        ("by <span translate=no>Octavo <b>2</b></span>.", ["by {Octavo 2}."]),
        ("a<script>'</p>'</script>b", ["a*b"]),
        ("<pre>no</pre><style>no</style><textarea>no</textarea><svg><title>no</title></svg>", []),
        ("one <svg><path/><text>no</text></svg> two", ["one * two"]),
        ("<title>A <b>&amp; B</title>", ["A <b>& B"]),
        ("x <b>open and <i>more</i>", ["x *open and [more]"]),
        ("x </b>stray", ["x *stray"]),
        ("<b>one <i>two</b> three</i> four", ["one", "two", "three", "four"]),
        ("&nbsp; tea &amp; caf&eacute; &nbsp;", ["tea & café"]),
        ("a < b <3 </> c", ["a < b <3 * c"]),
        ("<x-y>own</x-y> element", ["[own] element"]),
        ("\n<!doctype html><?php x ?>\n", []),
    ],
)
def test_passages(source: str, expected: list[str]) -> None:
    assert shown(source) == expected


def test_attributes_that_people_read_are_passages() -> None:
    source = (
        '<meta name="description" content="A page"><meta name=generator content=no>'
        '<p title="Tip &quot;1&quot;">x <img alt=\'Image\' src="no"></p><input placeholder=Name value=no>'
        '<input type=submit value=Send><a aria-label="" href="?a=1&copy=2" title="?a=1&copy=2">y</a>'
    )
    assert texts(source) == ["A page", 'Tip "1"', "x", "Image", "Name", "Send", "?a=1&copy=2", "y"]


def translated(source: str, *translations: tuple[Part, ...] | str | None) -> str:
    """The source with these translations of its passages."""
    return read_text(source).write_text([(item,) if isinstance(item, str) else item for item in translations])


def test_only_what_changes_is_written() -> None:
    assert translated("<P >a&eacute;</P ><p>b&eacute;</p>", None, "c") == "<P >a&eacute;</P ><p>c</p>"


def test_characters_are_spelled_as_in_the_source() -> None:
    assert (
        translated("a&nbsp;&eacute;&#8217; &quot;", 'é\xa0’ö "<&>')
        == "&eacute;&nbsp;&#8217;ö &quot;&lt;&amp;&gt;"
    )
    assert translated("it's\r\nso", "so\nist's") == "so\r\nist's"


def test_attributes_are_quoted() -> None:
    assert translated("<img alt='a'>", "it's <b>") == "<img alt='it&#x27;s &lt;b&gt;'>"
    assert translated("<img alt=a src=b>", 'say "b"') == '<img alt="say &quot;b&quot;" src=b>'


def test_attributes_of_moved_tags_are_translated() -> None:
    link = Mark(Side.OPEN, 1), "link", Mark(Side.CLOSE, 1)
    source = '<p>see <a title="tip" href=x>here</a>'
    assert translated(source, (*link, " da"), "Tipp") == '<p><a title="Tipp" href=x>link</a> da'
    assert translated(source, None, "Tipp") == '<p>see <a title="Tipp" href=x>here</a>'
    assert translated(source, (*link, " da"), None) == '<p><a title="tip" href=x>link</a> da'


def test_translations_with_other_marks_are_refused() -> None:
    document = read_text("a <b>c</b> d")
    opened, closed = Mark(Side.OPEN, 1), Mark(Side.CLOSE, 1)
    for parts in [("x",), (opened, "x"), (closed, "x", opened), (opened, closed, opened, closed)]:
        with pytest.raises(ValueError, match="marks"):
            document.write_text([parts])


@given(
    st.text(alphabet=st.sampled_from("<>/!-=\"' ab&;p\n\r\xa0[]?") | st.characters(exclude_categories=["Cs"]))
)
def test_any_text_comes_back(source: str) -> None:
    document = read_text(source)
    assert document.write_text([passage.parts for passage in document.passages]) == source
    assert document.write_text([None] * len(document.passages)) == source
    document.write_text([upper(passage.parts) for passage in document.passages])


class Tags(html.parser.HTMLParser):
    """The tags of a source, counted by the standard library."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        self.found[f"/{tag}"] += 1


SOUND = [
    "a <b>b <i>c</i> d</b> <img src=x> <code>e <b>f</b></code> g",
    "<p>x <a href=y>z</a> <br> <ul><li>1<li>2 <b>3</b> <em><u>4</u> 5</em></ul>",
]


@pytest.mark.parametrize("source", SOUND)
def test_tags_stay_where_words_move(source: str) -> None:
    document = read_text(source)
    for seed in range(100):
        written = document.write_text([Shuffle(seed)(passage.parts) for passage in document.passages])
        assert Tags(written).found == Tags(source).found


def test_tags_of_broken_sources_stay_where_words_move() -> None:
    pytest.importorskip("html5lib", reason="html5lib, which judges this, is not installed")
    grammar, shuffle = Grammar(4), Shuffle(4)
    for _ in range(300):
        source = grammar.fragment()
        assert failure(source, shuffle) is None, source


@pytest.mark.parametrize(
    "source",
    [
        "<b>" * 30_000,
        "<b>" * 15_000 + "x" + "</b>" * 50_000,
        "<div>" * 30_000 + "x",
        "<li><div>" * 15_000,
        "<svg>" * 30_000,
        "<code>" * 30_000 + "x",
        "<a x='" * 30_000,
        "<!--" * 30_000,
        "<" * 30_000,
        "</" * 30_000,
        "<p a=b " * 30_000,
        "&" * 30_000,
        "&nbsp;" * 30_000,
        "<title>" * 30_000,
        "<b></i>" * 15_000,
        "<![CDATA[" * 15_000,
        "<script><!--<script>" * 30_000,
        " " * 300_000 + "x",
    ],
    ids=lambda source: source[:12],
)
def test_hostile_nesting_takes_linear_time(source: str) -> None:
    document = read_text(source)
    assert document.write_text([passage.parts for passage in document.passages]) == source
    document.write_text([upper(passage.parts) for passage in document.passages])


def encoded(text: str, encoding: str) -> bytes:
    return text.encode(encoding)


@pytest.mark.parametrize(
    ("data", "written"),
    [
        (b"\xef\xbb\xbfa\xc3\xa9", b"\xef\xbb\xbfA\xc3\x89"),
        ("\ufeffaé".encode("utf-16-le"), "\ufeffAÉ".encode("utf-16-le")),
        (b"<meta charset=iso-8859-1><p>\xe9\x93", b"<meta charset=iso-8859-1><p>\xc9\x93"),
        (b"<meta http-equiv=content-type content='text/html; charset=windows-1251'>\xe0", None),
        (
            b"<?xml version='1.0' encoding='ISO-8859-15'?><p>\xa4\xe9",
            b"<?xml version='1.0' encoding='ISO-8859-15'?><p>\xa4\xc9",
        ),
    ],
)
def test_encodings(data: bytes, written: bytes | None) -> None:
    document = read(data, DocumentOptions())
    assert document.write([None] * len(document.passages)) == data
    if written:
        assert document.write([upper(passage.parts) for passage in document.passages]) == written


def test_characters_that_the_encoding_lacks_become_references() -> None:
    document = read(b"<meta charset=latin1><p>a", DocumentOptions())
    assert document.write([("\u0394",)]).endswith(b"<p>&#916;")


def test_wrong_bytes_are_refused_with_their_place() -> None:
    with pytest.raises(DocumentError, match=r"byte 5 \(line 2\)"):
        read(b"abc\n\xff", DocumentOptions())
    with pytest.raises(DocumentError, match="encoding 'klingon'"):
        read(b"<meta charset=klingon>", DocumentOptions())


def test_a_cdata_section_never_moves() -> None:
    document = read(b"<p>one <![CDATA[x]]> two</p>", DocumentOptions())
    assert [passage.parts for passage in document.passages] == [("one",), ("two",)]


def test_nothing_moves_after_svg_without_an_end() -> None:
    document = read(b"<div><svg><g>x</div><p>one <i>two</i> three</p>", DocumentOptions())
    assert [passage.parts for passage in document.passages] == [("one",), ("two",), ("three",)]
    document = read(b"<div><svg><g>x</g></svg></div><p>one <i>two</i></p>", DocumentOptions())
    assert len(document.passages) == 1


def test_the_end_of_an_element_around_it_ends_svg() -> None:
    document = read(
        b"<p>one <del><svg><g>x</del> two <script>three &amp; <p>four</p></script> five", DocumentOptions()
    )
    assert [passage.parts for passage in document.passages] == [("one",), ("two",), ("five",)]
