"""EPUB: chapters in their order, contents and title; what stays."""

from __future__ import annotations

import pytest
from tests.documents.archives import archive, lines, member, swapped, translated

from octavo.documents import DocumentError, DocumentOptions, epub

OPTIONS = DocumentOptions()
CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/>'
    "</rootfiles></container>"
)
BOOK = (
    '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
    "<dc:title>A book</dc:title><dc:language>en-US</dc:language><dc:creator>A man</dc:creator>"
    "</metadata><manifest>"
    '<item id="b" href="text/two%20b.xhtml" media-type="application/xhtml+xml"/>'
    '<item id="a" href="text/one.xhtml" media-type="application/xhtml+xml"/>'
    '<item id="n" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
    '</manifest><spine toc="n"><itemref idref="a"/><itemref idref="b"/></spine></package>'
)
CONTENTS = (
    '<!DOCTYPE ncx PUBLIC "-//NISO//DTD ncx 2005-1//EN" "http://www.daisy.org/z3986/2005/ncx-2005-1.dtd">'
    '<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navPoint><navLabel><text>Chapter</text></navLabel></navPoint></ncx>'
)
HTML = 'xmlns="http://www.w3.org/1999/xhtml"'


def page(body: str, attributes: str = 'xml:lang="en"') -> str:
    return f"<!DOCTYPE html><html {HTML} {attributes}><head><title/></head><body>{body}</body></html>"


def build(one: str, two: str = "", **others: str) -> bytes:
    members = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER,
        "OEBPS/book.opf": BOOK,
        "OEBPS/text/two b.xhtml": page(two),
        "OEBPS/text/one.xhtml": page(one),
        "OEBPS/toc.ncx": CONTENTS,
    }
    return archive({**members, **others}, stored=["mimetype"])


def body(data: bytes) -> str:
    text = member(data, "OEBPS/text/one.xhtml")
    return text[text.index("<body>") + len("<body>") : text.index("</body>")]


def read_lines(one: str) -> list[str]:
    found = lines(epub.read(build(one), OPTIONS))
    assert (found[0], found[-1]) == ("A book", "Chapter")
    return found[1:-1]


def test_chapters_in_their_order_title_and_contents() -> None:
    data = build("<p>one</p>", "<p>two</p>")
    document = epub.read(data, OPTIONS)
    assert lines(document) == ["A book", "one", "two", "Chapter"]
    assert document.passages[2].where == "two b.xhtml, line 1"
    assert document.passages[2].wrapped
    new = document.write([None, ("eins",), None, None])
    assert member(new, "OEBPS/book.opf") == BOOK.replace("en-US", "de")
    assert member(new, "OEBPS/text/one.xhtml") == page("<p>eins</p>", 'xml:lang="de"')
    assert member(new, "OEBPS/text/two b.xhtml") == page("<p>two</p>")
    assert document.write([None] * 4) is data


def test_markup_in_a_paragraph() -> None:
    text = '<p>A <b>man</b>&nbsp;rides a <a href="x"><i>bike</i></a>.<img src="x" alt="A bike"/></p>'
    assert read_lines(text) == ["A [1]man[/1]\xa0rides a [2][3]bike[/3][/2].", "A bike"]
    new = body(translated(epub.read(build(text), OPTIONS), swapped))
    assert new == ('<p>.<a href="x"><i>bike</i></a>\xa0rides a <b>man</b>A <img src="x" alt="A bike"/></p>')


def test_blocks_in_blocks_and_line_breaks() -> None:
    text = "<div>before <p>inside <b>a<br/>b</b> end</p> after<!-- c --></div><h1 title='T'>head</h1>"
    assert read_lines(text) == ["before", "inside", "a", "b", "end", "after", "T", "head"]
    new = body(translated(epub.read(build(text), OPTIONS)))
    assert new == (
        "<div>BEFORE <p>INSIDE <b>A<br/>B</b> END</p> AFTER<!-- c --></div><h1 title='T'>HEAD</h1>"
    )


def test_what_stays() -> None:
    text = (
        "<p>Run <code>x &lt; y</code> now.</p><pre>code</pre><script>code</script><p translate='no'>Name</p>"
        "<p>By <span class='notranslate'>A. Man</span>, <svg xmlns='http://www.w3.org/2000/svg'><text>s</text></svg>.</p>"
    )
    assert read_lines(text) == ["Run {x < y} now.", "By {A. Man}, [2.]."]


def test_attributes_are_escaped() -> None:
    document = epub.read(build("<p><img alt='A &amp; B'/>text</p>"), OPTIONS)
    new = document.write([None, None, ("'Ä' & \"B\"",), None])
    assert body(new) == "<p><img alt='&#39;Ä&#39; &amp; &quot;B&quot;'/>text</p>"


def test_books_that_are_none() -> None:
    with pytest.raises(DocumentError, match=r"no META-INF/container\.xml; it is not an EPUB"):
        epub.read(archive({"mimetype": "application/epub+zip"}), OPTIONS)
    with pytest.raises(DocumentError, match="names no book"):
        epub.read(archive({"META-INF/container.xml": "<container/>"}), OPTIONS)
    with pytest.raises(DocumentError, match=r"has no OEBPS/book\.opf"):
        epub.read(archive({"META-INF/container.xml": CONTAINER}), OPTIONS)
    with pytest.raises(DocumentError, match=r"one\.xhtml in the archive: line 1, .*mismatched tag"):
        epub.read(build("<p>"), OPTIONS)


def test_copy_protection_is_told_from_scrambled_fonts() -> None:
    reference = '<enc:CipherReference xmlns:enc="http://www.w3.org/2001/04/xmlenc#" URI="{}"/>'
    name = "META-INF/encryption.xml"
    assert lines(epub.read(build("<p>one</p>", **{name: reference.format("OEBPS/font.otf")}), OPTIONS))
    with pytest.raises(DocumentError, match="copy protection"):
        epub.read(build("<p>one</p>", **{name: reference.format("OEBPS/text/two%20b.xhtml")}), OPTIONS)
