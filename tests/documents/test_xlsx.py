"""XLSX: the text of cells; texts on whose wording something depends stay."""

from __future__ import annotations

import io

import pytest
from tests.documents.archives import lines, member, package, translated
from tests.documents.test_pptx import R, relationships

from octavo.documents import DocumentError, DocumentOptions, xlsx

OPTIONS = DocumentOptions()
X = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def build(shared: str, rows: str = "", **others: str) -> bytes:
    kinds = {
        "xl/workbook.xml": "spreadsheetml.sheet.main",
        "xl/sharedStrings.xml": "spreadsheetml.sharedStrings",
        "xl/sheet1.xml": "spreadsheetml.worksheet",
        **{f"xl/{name}.xml": f"spreadsheetml.{name}" for name in others},
    }
    sheets = '<sheets><sheet name="Sheet 1" r:id="a"/></sheets>'
    return package(
        kinds,
        {
            "xl/workbook.xml": f"<workbook {X} {R}>{sheets}</workbook>",
            "xl/_rels/workbook.xml.rels": relationships(a="/xl/sheet1.xml"),
            "xl/sharedStrings.xml": f"<sst {X}>{shared}</sst>",
            "xl/sheet1.xml": f"<worksheet {X}><sheetData><row>{rows}</row></sheetData></worksheet>",
            **{f"xl/{name}.xml": xml for name, xml in others.items()},
        },
    )


def test_shared_and_inline_texts() -> None:
    shared = "<si><t>A dog\nplays</t></si><si><t> </t></si><si><t xml:space='preserve'> two </t></si>"
    inline = '<c r="B1" t="inlineStr"><is><t>in line</t></is></c>'
    data = build(shared, f'<c r="C9" s="1" t="s"><v>2</v></c>{inline}<c r="C1"><v>5</v></c>')
    document = xlsx.read(data, OPTIONS)
    places = [(passage.where, passage.parts) for passage in document.passages]
    assert places == [("a text", ("A dog\nplays",)), ("Sheet 1!C9", ("two",)), ("Sheet 1!B1", ("in line",))]
    new = document.write([("Ein\nHund",), ("zwei",), None])
    text = member(new, "xl/sharedStrings.xml")
    assert '<si><t xml:space="preserve">Ein\nHund</t></si><si><t> </t></si>' in text
    assert '<si><t xml:space="preserve"> zwei </t></si>' in text
    assert member(new, "xl/sheet1.xml") == member(data, "xl/sheet1.xml")


def test_rich_text() -> None:
    bold = "<rPr><b/></rPr>"
    spoken = '<rPh sb="0" eb="1"><t>x</t></rPh><phoneticPr fontId="1"/>'
    runs = f"<r><t>Two </t></r><r>{bold}<t>dogs</t></r>{spoken}"
    document = xlsx.read(build(f"<si>{runs}</si>"), OPTIONS)
    assert lines(document) == ["Two [1]dogs[/1]"]
    new = member(translated(document), "xl/sharedStrings.xml")
    assert f'<r><t xml:space="preserve">TWO </t></r><r>{bold}<t xml:space="preserve">DOGS</t></r><rPh' in new


def test_texts_that_something_depends_on_stay() -> None:
    shared = "".join(f"<si><t>{text}</t></si>" for text in ("Yes", "Price &amp; tax", "Free"))
    formula = '<c r="A1"><f>IF(B1="yes",1,"a ""quoted"" one")</f></c>'
    table = f'<table {X}><tableColumns><tableColumn id="1" name="Price &amp; tax"/></tableColumns></table>'
    assert lines(xlsx.read(build(shared, formula, table=table), OPTIONS)) == ["Free"]


def test_openpyxl_reads_what_was_written() -> None:
    library = pytest.importorskip("openpyxl", reason="openpyxl is not installed")
    original = library.Workbook()
    original.active.append(["A dog", 5, "=1+1"])
    file = io.BytesIO()
    original.save(file)
    document = xlsx.read(file.getvalue(), OPTIONS)
    assert [passage.where for passage in document.passages] == ["Sheet!A1"]
    read = library.load_workbook(io.BytesIO(translated(document))).active
    assert [cell.value for cell in read[1]] == ["A DOG", 5, "=1+1"]


def test_documents_that_are_none() -> None:
    with pytest.raises(DocumentError, match="no main part of an XLSX"):
        xlsx.read(package({}, {"a.xml": "<a/>"}), OPTIONS)
