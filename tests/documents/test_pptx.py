"""PPTX: slides in their order, with notes and charts; what stays."""

from __future__ import annotations

import io

import pytest
from tests.documents.archives import lines, member, package, translated

from octavo.documents import DocumentError, DocumentOptions, pptx

OPTIONS = DocumentOptions()
A = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
P = 'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'


def relationships(**targets: str) -> str:
    inside = "".join(f'<Relationship Id="{key}" Target="{target}"/>' for key, target in targets.items())
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{inside}</Relationships>'


def slide(*paragraphs: str) -> str:
    inside = "".join(f"<a:p><a:pPr/>{text}<a:endParaRPr/></a:p>" for text in paragraphs)
    return f"<p:sld {A} {P}>{inside}</p:sld>"


def run(text: str, properties: str = "") -> str:
    return f"<a:r>{properties}<a:t>{text}</a:t></a:r>"


def build(*slides: str, notes: str = "") -> bytes:
    ids = "".join(f'<p:sldId r:id="s{number}"/>' for number in reversed(range(len(slides))))
    kinds = {"ppt/presentation.xml": "presentationml.presentation.main"}
    members = {"ppt/presentation.xml": f"<p:presentation {P} {R}>{ids}</p:presentation>"}
    targets = {}
    for number, xml in enumerate(slides):
        kinds[f"ppt/slides/slide{number}.xml"] = "presentationml.slide"
        members[f"ppt/slides/slide{number}.xml"] = xml
        targets[f"s{number}"] = f"slides/slide{number}.xml"
    members["ppt/_rels/presentation.xml.rels"] = relationships(**targets)
    if notes:
        kinds["ppt/notesSlides/notes1.xml"] = "presentationml.notesSlide"
        members["ppt/notesSlides/notes1.xml"] = notes
        members["ppt/slides/_rels/slide0.xml.rels"] = relationships(n="../notesSlides/notes1.xml")
    kinds["ppt/slideMasters/master1.xml"] = "presentationml.slideMaster"
    members["ppt/slideMasters/master1.xml"] = slide(run("Click to edit"))
    return package(kinds, members)


def test_slides_are_read_in_their_order_with_their_notes() -> None:
    data = build(slide(run("second")), slide(run("first")), notes=slide(run("a note")))
    document = pptx.read(data, OPTIONS)
    found = [(passage.where, passage.parts) for passage in document.passages]
    assert found == [("slide 1", ("first",)), ("slide 2", ("second",)), ("notes of slide 2", ("a note",))]
    new = translated(document)
    assert member(new, "ppt/slides/slide0.xml") == slide(run("SECOND"))
    assert document.write([None, None, ("a note",)]) == data


def test_runs_breaks_and_fields() -> None:
    english, bold = '<a:rPr lang="en-US" dirty="0"/>', '<a:rPr lang="en-US" b="1"/>'
    field = '<a:fld type="slidenum"><a:rPr/><a:t>7</a:t></a:fld>'
    first = (run("One ", english), run("dog"), run(" plays", bold))
    text = (*first, "<a:br/>", run("Page "), field, run(" of it"))
    document = pptx.read(build(slide("".join(text))), OPTIONS)
    assert lines(document) == ["One dog[1] plays[/1]", "Page {7} of it"]
    german = bold.replace("en-US", "de")
    assert member(translated(document), "ppt/slides/slide0.xml") == slide(
        run("ONE DOG", english.replace("en-US", "de"))
        + run(" PLAYS", german)
        + "<a:br/>"
        + run("PAGE ")
        + field
        + run(" OF IT")
    )


def test_python_pptx_reads_what_was_written() -> None:
    library = pytest.importorskip("pptx", reason="python-pptx is not installed")
    original = library.Presentation()
    page = original.slides.add_slide(original.slide_layouts[1])
    page.shapes.title.text = "A title"
    page.placeholders[1].text = "One\vTwo"
    page.shapes.add_table(1, 2, 0, 0, 9, 9).table.cell(0, 1).text = "In a cell"
    page.notes_slide.notes_text_frame.text = "A note"
    file = io.BytesIO()
    original.save(file)
    document = pptx.read(file.getvalue(), OPTIONS)
    assert lines(document) == ["A title", "One", "Two", "In a cell", "A note"]
    read = library.Presentation(io.BytesIO(translated(document))).slides[0]
    assert [shape.text for shape in read.placeholders] == ["A TITLE", "ONE\vTWO"]
    assert read.shapes[2].table.cell(0, 1).text == "IN A CELL"
    assert read.notes_slide.notes_text_frame.text == "A NOTE"


def test_documents_that_are_none() -> None:
    with pytest.raises(DocumentError, match="no main part of a PPTX"):
        pptx.read(package({}, {"a.xml": "<a/>"}), OPTIONS)
