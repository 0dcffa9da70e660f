"""OpenDocument: paragraphs, what is inside them, and what stays."""

from __future__ import annotations

import io

import pytest
from tests.documents.archives import archive, lines, member, swapped, translated

from octavo.documents import DocumentError, DocumentOptions, odf

OPTIONS = DocumentOptions()
NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "text", "table", "style", "presentation")
)
NAMES += ' xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"'
NAMES += ' xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0"'
NAMES += ' xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0" xmlns:officeooo="o"'


def content(body: str, styles: str = "", kind: str = "text") -> str:
    return (
        f"<office:document-content {NAMES}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>"
    )


def build(body: str, styles: str = "", kind: str = "text") -> bytes:
    members = {"mimetype": f"application/vnd.oasis.opendocument.{kind}"}
    return archive({**members, "content.xml": content(body, styles, kind)}, stored=["mimetype"])


def read_lines(body: str, styles: str = "", kind: str = "text") -> list[str]:
    return lines(odf.read(build(body, styles, kind), OPTIONS))


def body(data: bytes) -> str:
    text = member(data, "content.xml")
    return text[text.index("<office:text>") + len("<office:text>") : text.index("</office:text>")]


def test_spans_are_marked_and_move() -> None:
    text = '<text:p>Two <text:span text:style-name="B">dogs</text:span>\n <text:a>play</text:a>.</text:p>'
    data = build(f"<text:h>A title</text:h>{text}")
    document = odf.read(data, OPTIONS)
    assert lines(document) == ["A title", "Two [1]dogs[/1] [2]play[/2]."]
    assert document.write([passage.parts for passage in document.passages]) == data
    assert body(translated(document, swapped)) == (
        "<text:h>A title</text:h><text:p>.<text:a>play</text:a> "
        '<text:span text:style-name="B">dogs</text:span>Two </text:p>'
    )


def test_spans_that_change_nothing_are_left_out() -> None:
    styles = (
        '<style:style style:name="T1" style:family="text">'
        '<style:text-properties officeooo:rsid="01" fo:language="en" fo:country="GB"'
        ' fo:font-size-complex="1"/>'
        "</style:style>"
    )
    text = '<text:p>A <text:span text:style-name="T1">man</text:span><text:soft-page-break/>.</text:p>'
    assert read_lines(text, styles) == ["A man."]
    data = translated(odf.read(build(text, styles), OPTIONS))
    assert body(data) == "<text:p>A MAN.</text:p>"
    assert 'fo:language="de" fo:country="none"' in member(data, "content.xml")


def test_spans_that_look_the_same_are_one() -> None:
    style = (
        '<style:style style:name="{}" style:family="text"><style:text-properties fo:font-weight="bold"'
        ' officeooo:rsid="{}"/></style:style>'
    )
    styles = style.format("T1", "1") + style.format("T2", "2")
    span = '<text:span text:style-name="{}">{}</text:span>'
    empty = '<text:span text:style-name="T1"/>'
    text = f"<text:p>A {span.format('T1', 'big ')}{span.format('T2', 'dog')}{empty}.</text:p>"
    assert read_lines(text, styles) == ["A [1]big dog[/1][2.]."]
    new = translated(odf.read(build(text, styles), OPTIONS))
    assert body(new) == f"<text:p>A {span.format('T1', 'BIG DOG')}{empty}.</text:p>"


def test_bookmarks_are_around_their_words() -> None:
    text = '<text:p>A <text:bookmark-start text:name="b"/>big<text:bookmark-end text:name="b"/> dog.</text:p>'
    assert read_lines(text) == ["A [1]big[/1] dog."]


def test_tabs_line_breaks_and_spaces_end_a_passage() -> None:
    span = '<text:span text:style-name="B">c<text:line-break/>d</text:span>'
    assert read_lines(f'<text:p>a<text:tab/>b{span}e<text:s text:c="3"/>f</text:p>') == [
        "a",
        "b",
        "c",
        "d",
        "e",
        "f",
    ]
    assert read_lines("<text:p>a <text:s/>b</text:p>") == ["a [1.]b"]
    new = odf.read(build("<text:p>a</text:p>"), OPTIONS).write([("b   c",)])
    assert body(new) == '<text:p>b <text:s text:c="2"/>c</text:p>'


def test_notes_and_text_boxes_are_passages_and_comments_are_not() -> None:
    cited = "<text:note-citation>1</text:note-citation>"
    note = f"<text:note>{cited}<text:note-body><text:p>Note</text:p></text:note-body></text:note>"
    box = "<draw:text-box><text:p>Box</text:p></draw:text-box><svg:desc>Alt</svg:desc>"
    comment = "<office:annotation><text:p>Comment</text:p></office:annotation>"
    deleted = "<text:tracked-changes><text:p>Deleted</text:p></text:tracked-changes>"
    data = build(f"{deleted}<text:p>One{note} two<draw:frame>{box}</draw:frame> three{comment} four</text:p>")
    assert lines(odf.read(data, OPTIONS)) == ["One[1.] two[2.] three[3.] four", "Note", "Box", "Alt"]
    new = body(translated(odf.read(data, OPTIONS)))
    assert "ONE" in new and note.replace("Note<", "NOTE<") in new and comment in new and deleted in new


def test_fields_are_kept() -> None:
    field = "<text:page-number>3</text:page-number>"
    assert read_lines(f"<text:p>Page {field} of it</text:p>") == ["Page {3} of it"]


def test_cells_that_compute_or_show_numbers_stay() -> None:
    cell = "<table:table-cell {}><text:p>{}</text:p></table:table-cell>"
    cells = (
        cell.format('office:value-type="float"', "5 apples"),
        cell.format('office:value-type="string"', "Text"),
        cell.format('office:value-type="string" table:formula="of:=1"', "Result"),
    )
    assert read_lines("".join(cells), kind="spreadsheet") == ["Text"]


def test_headers_are_read_and_masters_of_presentations_are_not() -> None:
    styles = f"<office:document-styles {NAMES}><text:p>Header</text:p></office:document-styles>"
    data = archive({"content.xml": content("<text:p>a</text:p>"), "styles.xml": styles})
    assert lines(odf.read(data, OPTIONS)) == ["a", "Header"]
    data = archive({"content.xml": content("<text:p>a</text:p>", "", "presentation"), "styles.xml": styles})
    assert lines(odf.read(data, OPTIONS)) == ["a"]


def test_one_file_of_xml() -> None:
    text = f"<?xml version='1.0'?>\n<office:document {NAMES}><text:p>A dog</text:p></office:document>"
    assert translated(odf.read(text.encode(), OPTIONS)).decode() == text.replace("A dog", "A DOG")


def test_odfdo_reads_what_was_written() -> None:
    library = pytest.importorskip("odfdo", reason="odfdo is not installed")
    original = library.Document("text")
    original.body.append(library.Paragraph("Two dogs play."))
    file = io.BytesIO()
    original.save(file)
    document = odf.read(file.getvalue(), OPTIONS)
    assert "Two dogs play." in lines(document)
    read = library.Document(io.BytesIO(translated(document)))
    assert "TWO DOGS PLAY." in [part.inner_text for part in read.body.paragraphs]


def test_documents_that_are_none() -> None:
    with pytest.raises(DocumentError, match=r"no content\.xml"):
        odf.read(archive({"mimetype": "x"}), OPTIONS)
    manifest = "<manifest:encryption-data/>"
    with pytest.raises(DocumentError, match="encrypted; remove the password"):
        odf.read(archive({"content.xml": b"\x00\x01", "META-INF/manifest.xml": manifest}), OPTIONS)
