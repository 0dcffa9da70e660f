"""DOCX: what of a paragraph is translated, and that nothing else changes."""

from __future__ import annotations

import io

import pytest
from tests.documents.archives import W, archive, lines, member, swapped, translated
from tests.documents.archives import docx as build

from octavo.documents import DocumentError, DocumentOptions, docx
from octavo.text.parts import Mark, Side

OPTIONS = DocumentOptions()
BOLD = "<w:rPr><w:b/></w:rPr>"


def run(text: str, properties: str = "", attributes: str = "") -> str:
    return f'<w:r{attributes}>{properties}<w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(*content: str) -> str:
    return f"<w:p><w:pPr><w:jc w:val='center'/></w:pPr>{''.join(content)}</w:p>"


def read_lines(*content: str) -> list[str]:
    return lines(docx.read(build(paragraph(*content)), OPTIONS))


def body(data: bytes) -> str:
    text = member(data, "word/document.xml")
    return text[text.index("<w:body>") + len("<w:body>") : text.index("</w:body>")]


def test_runs_that_look_the_same_are_one() -> None:
    noise = '<w:rPr><w:lang w:val="fr-FR"/><w:noProof/></w:rPr>'
    runs = (
        run("A ", attributes=' w:rsidR="001"'),
        '<w:proofErr w:type="spellStart"/>',
        run("man", noise),
        run("."),
    )
    assert read_lines(*runs) == ["A man."]
    data = build(paragraph(*runs))
    new = body(translated(docx.read(data, OPTIONS)))
    assert new == paragraph(run("A MAN."))


def test_formatting_that_is_not_the_most_common_is_marked() -> None:
    runs = (run("Two dogs "), run("play", BOLD), run(" in the snow."))
    assert read_lines(*runs) == ["Two dogs [1]play[/1] in the snow."]
    data = build(paragraph(*runs))
    assert body(translated(docx.read(data, OPTIONS), swapped)) == paragraph(
        run(" in the snow."), run("play", BOLD), run("Two dogs ")
    )


def test_spaces_and_places_between_equal_runs_are_inside_the_mark() -> None:
    assert read_lines(run("See "), run("one", BOLD), run(" "), run("two", BOLD), run(" now.")) == [
        "See [1]one two[/1] now."
    ]


def test_a_tab_and_a_line_break_end_a_passage_wherever_they_are() -> None:
    one_run = "<w:r><w:t>Name:</w:t><w:tab/><w:t>A man</w:t></w:r>"
    link = '<w:hyperlink w:anchor="x"><w:r><w:t>one</w:t><w:br/><w:t>two</w:t></w:r></w:hyperlink>'
    assert read_lines(one_run, run(" rides."), link) == ["Name:", "A man rides.", "one", "two"]
    new = body(translated(docx.read(build(paragraph(one_run, run(" rides."), link)), OPTIONS)))
    assert new == paragraph(
        f"{run('NAME:')}<w:r><w:tab/></w:r>{run('A MAN RIDES.')}",
        f'<w:hyperlink w:anchor="x">{run("ONE")}<w:r><w:br/></w:r>{run("TWO")}</w:hyperlink>',
    )


def test_links_are_translated_and_fields_are_kept() -> None:
    link = f'<w:hyperlink w:anchor="x">{run("a link", BOLD)}</w:hyperlink>'
    assert read_lines(run("See "), link, run(".")) == ["See [1]a link[/1]."]

    def field(code: str, result: str) -> str:
        sign = '<w:r><w:fldChar w:fldCharType="{}"/></w:r>'
        return (
            f"{sign.format('begin')}<w:r><w:instrText> {code} </w:instrText></w:r>"
            f"{sign.format('separate')}{run(result)}{sign.format('end')}"
        )

    assert read_lines(run("See "), field("REF x", "Table 1"), run(".")) == ["See {Table 1}."]
    assert read_lines(run("See "), field('HYPERLINK "u"', "here"), run(".")) == ["See [1]here[/1]."]
    assert read_lines(run("See "), f'<w:fldSimple w:instr="PAGE">{run("3")}</w:fldSimple>', run(".")) == [
        "See {3}."
    ]
    start = '<w:r><w:fldChar w:fldCharType="begin"/></w:r>'
    assert read_lines(run("Ends in another "), start, run("paragraph.")) == ["Ends in another [1.]paragraph."]


def test_a_field_that_begins_inside_a_run() -> None:
    whole = (
        '<w:r><w:t>Page </w:t><w:fldChar w:fldCharType="begin"/><w:instrText>PAGE</w:instrText></w:r>'
        '<w:r><w:fldChar w:fldCharType="separate"/><w:t>3</w:t><w:fldChar w:fldCharType="end"/>'
        "<w:t> here</w:t></w:r>"
    )
    data = build(paragraph(whole))
    assert lines(docx.read(data, OPTIONS)) == ["Page {3} here"]
    new = body(translated(docx.read(data, OPTIONS)))
    assert new == paragraph(
        run("PAGE "),
        '<w:r><w:fldChar w:fldCharType="begin"/><w:instrText>PAGE</w:instrText></w:r>'
        '<w:r><w:fldChar w:fldCharType="separate"/><w:t>3</w:t><w:fldChar w:fldCharType="end"/></w:r>',
        run(" HERE"),
    )


def bookmark(number: int, *inside: str) -> str:
    start, end = f'<w:bookmarkStart w:id="{number}" w:name="b"/>', f'<w:bookmarkEnd w:id="{number}"/>'
    return start + "".join(inside) + end


def test_bookmarks_are_around_their_words() -> None:
    text = (run("See "), bookmark(1, run("two", BOLD), bookmark(2)), run(" dogs here."))
    assert read_lines(*text) == ["See [1]two[2.][/1] dogs here."]
    new = body(translated(docx.read(build(paragraph(*text)), OPTIONS), swapped))
    assert new == paragraph(run(" dogs here."), text[1], run("See "))
    assert read_lines(bookmark(1, run("A title"))) == ["A title"]
    crossed = '<w:bookmarkStart w:id="1"/>', run("a"), '<w:bookmarkStart w:id="2"/>', run("b")
    ends = '<w:bookmarkEnd w:id="1"/>', run("c"), '<w:bookmarkEnd w:id="2"/>'
    assert read_lines(*crossed, *ends, run("d")) == ["a[2]b[3.]c[/2]d"]


def test_what_is_deeply_nested_does_not_end_the_program() -> None:
    begin, end = (f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "end"))
    link = f"{begin}<w:r><w:instrText>HYPERLINK x</w:instrText></w:r>"
    separate = begin.replace("begin", "separate")
    fields = f"{link}{separate}" * 3000 + run("a field") + end * 3000
    assert len(read_lines(fields, run(" and text"))) == 1
    marks = "".join(f'<w:bookmarkStart w:id="{number}"/>' for number in range(3000)) + run("a")
    marks += "".join(f'<w:bookmarkEnd w:id="{number}"/>' for number in reversed(range(3000)))
    assert len(read_lines(run("text "), marks, run(" text"))) == 1
    links = '<w:hyperlink w:anchor="x">' * 240 + run("a") + "</w:hyperlink>" * 240
    data = build(paragraph(run("text "), links, run(" text")))
    assert "A" in body(translated(docx.read(data, OPTIONS)))


def test_deleted_text_stays_and_inserted_text_is_translated() -> None:
    deleted = "<w:del w:id='1'><w:r><w:delText>old</w:delText></w:r></w:del>"
    runs = (run("A "), deleted, f"<w:ins w:id='2'>{run('new')}</w:ins>", run(" dog."))
    assert read_lines(*runs) == ["A [1.][2]new[/2] dog."]
    new = body(translated(docx.read(build(paragraph(*runs)), OPTIONS)))
    assert deleted in new and "NEW" in new


def test_paragraphs_inside_a_drawing_are_passages_of_their_own() -> None:
    box = f"<w:r><w:pict><w:txbxContent>{paragraph(run('In the box.'))}</w:txbxContent></w:pict></w:r>"
    data = build(paragraph(run("Before "), box, run("after.")))
    assert lines(docx.read(data, OPTIONS)) == ["Before [1.]after.", "In the box."]
    new = body(translated(docx.read(data, OPTIONS)))
    assert new == paragraph(run("BEFORE "), box.replace("In the box.", "IN THE BOX."), run("AFTER."))


def test_the_description_of_a_picture_is_a_passage() -> None:
    names = 'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"'
    picture = f'<w:r><w:drawing {names}><wp:docPr name="Picture 1" descr="{{}}"/></w:drawing></w:r>'
    data = build(paragraph(run("One "), picture.format("A big dog"), picture.format("dog.png"), run("two")))
    assert lines(docx.read(data, OPTIONS)) == ["One [1.]two", "A big dog"]
    assert picture.format("A BIG DOG") in body(translated(docx.read(data, OPTIONS)))


def test_notes_headers_and_footers_are_read_and_comments_are_not() -> None:
    parts = {
        name: f"<w:x {W}>{paragraph(run(name))}</w:x>"
        for name in ("comments", "header1", "footer1", "footnotes", "endnotes")
    }
    document = docx.read(build(paragraph(run("text")), **parts), OPTIONS)
    assert lines(document) == ["text", "footnotes", "endnotes", "header1", "footer1"]
    assert [passage.where for passage in document.passages][1] == "footnote 1"


def test_content_controls_hold_text_unless_they_are_check_boxes() -> None:
    control = "<w:sdt><w:sdtPr>{}</w:sdtPr><w:sdtContent>{}</w:sdtContent></w:sdt>"
    box = '<w14:checkbox xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml"/>'
    assert read_lines(run("Your "), control.format("", run("name")), run(" here")) == [
        "Your [1]name[/1] here"
    ]
    assert read_lines(run("Tick "), control.format(box, run("x")), run(" here")) == ["Tick [1.] here"]


def test_the_language_follows_the_text() -> None:
    english = '<w:rPr><w:lang w:val="en-GB" w:eastAsia="ja-JP"/></w:rPr>'
    styles = f"<w:styles {W}>{english}</w:styles>"
    data = build(paragraph(run("A dog.", english)) + paragraph(run("Another dog.", english)), styles=styles)
    document = docx.read(data, OPTIONS)
    new = document.write([("Ein Hund.",), None])
    german = english.replace("en-GB", "de")
    assert body(new) == paragraph(run("Ein Hund.", german)) + paragraph(run("Another dog.", english))
    assert german in member(new, "word/styles.xml")
    assert document.write([None, ("Another dog.",)]) == data


def test_what_xml_cannot_hold_is_left_out_and_signs_are_escaped() -> None:
    new = docx.read(build(paragraph(run("A &amp; B"))), OPTIONS).write([("<A\x00>\x1b & \ufffe\ud800B",)])
    assert body(new) == paragraph(run("&lt;A&gt; &amp; B"))


@pytest.mark.parametrize(
    "translation",
    [
        ("one",),
        (Mark(Side.CLOSE, 1), "x", Mark(Side.OPEN, 1)),
        (Mark(Side.OPEN, 1), "x", Mark(Side.CLOSE, 2)),
    ],
)
def test_a_translation_with_other_marks_is_refused(translation: tuple) -> None:
    document = docx.read(build(paragraph(run("one more "), run("two", BOLD))), OPTIONS)
    assert lines(document) == ["one more [1]two[/1]"]
    with pytest.raises(ValueError, match="marks"):
        document.write([translation])


def test_python_docx_reads_what_was_written() -> None:
    library = pytest.importorskip("docx", reason="python-docx is not installed")
    original = library.Document()
    original.add_heading("A title", 1)
    original.add_paragraph("Two dogs ").add_run("play").bold = True
    original.add_table(1, 2).cell(0, 1).text = "In a cell"
    file = io.BytesIO()
    original.save(file)
    document = docx.read(file.getvalue(), OPTIONS)
    assert lines(document) == ["A title", "Two dogs [1]play[/1]", "In a cell"]
    assert document.write([passage.parts for passage in document.passages]) == file.getvalue()
    read = library.Document(io.BytesIO(translated(document, swapped)))
    assert [(part.text, part.bold) for part in read.paragraphs[1].runs] == [
        ("play", True),
        ("Two dogs ", None),
    ]
    read = library.Document(io.BytesIO(translated(document)))
    assert [part.text for part in read.paragraphs] == ["A TITLE", "TWO DOGS PLAY"]
    assert read.tables[0].cell(0, 1).text == "IN A CELL"


def test_documents_that_are_none() -> None:
    with pytest.raises(DocumentError, match="no main part of a DOCX"):
        docx.read(archive({"[Content_Types].xml": "<Types/>"}), OPTIONS)
    with pytest.raises(DocumentError, match="not a DOCX"):
        docx.read(archive({"a.txt": "a"}), OPTIONS)
    with pytest.raises(
        DocumentError, match=r"word/document\.xml in the archive: line 1, column .*not well-formed"
    ):
        docx.read(build("<w:p>"), OPTIONS)


def test_a_paragraph_of_fifty_megabytes() -> None:
    text = "word " * 10_000_000
    data = archive(
        {
            "[Content_Types].xml": member(build(""), "[Content_Types].xml"),
            "word/document.xml": f"<w:document {W}><w:body>{paragraph(run(text))}</w:body></w:document>",
        },
        stored=["word/document.xml"],
    )
    document = docx.read(data, OPTIONS)
    assert document.write([(text.strip(),)]) == data
    assert body(document.write([("one word",)])) == paragraph(run("one word "))
