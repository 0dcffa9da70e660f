"""JSON, ARB, YAML, .properties, CSV, TSV and plain text: what is a passage, and how it is written."""

from __future__ import annotations

import csv
import io
import json

import pytest
from benchmarks.document_stand_ins import upper
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from octavo.documents import Document, DocumentError, DocumentOptions
from octavo.documents.formats import format_named
from octavo.text.parts import plain


def document(name: str, source: str | bytes, **options: object) -> Document:
    data = source.encode() if isinstance(source, str) else source
    return format_named(name).read(data, DocumentOptions(**options))  # type: ignore[arg-type]


def texts(name: str, source: str | bytes, **options: object) -> list[str]:
    return [plain(passage.parts) for passage in document(name, source, **options).passages]


def translated(name: str, source: str | bytes, *translations: str | None, **options: object) -> str:
    parts = [None if text is None else (text,) for text in translations]
    return document(name, source, **options).write(parts).decode()


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        (
            "json",
            '{"a b": "One \\"x\\"\\n", "c": ["two", 3, {"d": "12"}], "e": {}, "f": " \\u00e9 "}',
            ['One "x"', "two", "é"],
        ),
        ("json", '"alone"', ["alone"]),
        ("json", '["\\ud800 half", "\\ud83d\\ude00 whole"]', ["😀 whole"]),
        (
            "arb",
            '{"@@locale": "en", "a": "A {n}", "@a": {"d": "no", "p": {"n": "no"}}, "b": "B"}',
            ["A {n}", "B"],
        ),
        (
            "yaml",
            "a: plain # no\nb: 'it''s'\nc: \"x\\ny\"\nd: [e, 2, true, off]\nf: {g: h}\n? i\n: j\n",
            ["plain", "it's", "x\ny", "e", "h", "j"],
        ),
        (
            "yaml",
            "a: |\n  one\n    two\n\n  three\nb: >-\n  four\n  five\n\n  six\n",
            ["one\n  two\n\nthree", "four five\nsix"],
        ),
        ("yaml", "a: &x one\nb: *x\nc: !!str two\nd: !!binary aGk=\ne: 2020-01-01\n", ["one", "two"]),
        ("yaml", "a: one\n  two\n", ["one two"]),
        (
            "properties",
            "# no\n! no\na=one\nb : two\\\n   three\nc\\ d four\ne=\nf=\\u00e9t\\u00e9\n",
            ["one", "twothree", "four", "été"],
        ),
        ("properties", "a={0} isn''t here\nb=it''s\n", ["{0} isn't here", "it''s"]),
        ("csv", 'id,name\n1,"one, ""two"""\n2, three \n', ['one, "two"', "three"]),
        ("csv", "A sentence here.;Noch einer.\nx;y\n", ["A sentence here.", "Noch einer.", "x", "y"]),
        ("tsv", 'One.\t"two\nthree\tfour\n', ["One.", '"two', "three", "four"]),
        ("txt", "  One line.\t\n\n two\r\nthree", ["One line.", "two", "three"]),
    ],
)
def test_passages(name: str, source: str, expected: list[str]) -> None:
    assert texts(name, source) == expected
    found = document(name, source)
    assert found.write([passage.parts for passage in found.passages]) == source.encode()


@pytest.mark.parametrize(
    ("name", "source", "translations", "written"),
    [
        ("json", '{"a": " b\\n"}', ['é "\\\n'], '{"a": " é \\"\\\\\\n\\n"}'),
        ("json", '["\\u00e9", "a\\/b"]', ["ü", "c/d"], '["\\u00fc", "c\\/d"]'),
        ("yaml", "a: b # c\n", ["d: e #"], 'a: "d: e #" # c\n'),
        ("yaml", "a: b\n", ["yes"], 'a: "yes"\n'),
        ("yaml", "a: b\n", ["it's fine"], "a: it's fine\n"),
        ("yaml", "a: 'b'\n", ["it's"], "a: 'it''s'\n"),
        ("yaml", "a: [b]\n", ["c, d"], 'a: ["c, d"]\n'),
        ("yaml", "a: |\n  b\n\nc: d\n", ["e\n\nf", None], "a: |\n  e\n\n  f\n\nc: d\n"),
        ("yaml", "a: >\n  b\n  c\n", ["d e\nf"], "a: >\n  d e\n\n  f\n"),
        ("properties", "a=b", ["c\\ é\nd"], "a=c\\\\ \\u00e9\\nd"),
        ("properties", "a=é", ["ü😀"], "a=ü😀"),
        ("properties", "a={0} isn''t", ["{0} c'est"], "a={0} c''est"),
        ("csv", 'n,m\n"a",b\n', ['c"d', "e,f"], 'n,m\n"c""d","e,f"\n'),
        ("tsv", "a b c d e\tb\n", ["c\nd", "e"], "c d\te\n"),
        ("txt", " a \r\nb", ["c\nd", None], " c\r\nd \r\nb"),
    ],
)
def test_writing(name: str, source: str, translations: list[str | None], written: str) -> None:
    assert translated(name, source, *translations) == written


def test_latin_1_properties_stay_latin_1() -> None:
    found = document("properties", b"a=\xe9t\xe9\r\n")
    assert plain(found.passages[0].parts) == "été"
    assert found.write([("ü€",)]) == b"a=\xfc\\u20ac\r\n"


def test_columns_are_chosen_by_name_or_number() -> None:
    source = "key,text,note\nk1,one,two\n"
    assert texts("csv", source, columns=("text",)) == ["one"]
    assert texts("csv", source, columns=("3",)) == ["two"]
    with pytest.raises(DocumentError, match="no column 'x': its first row has 'key', 'text', 'note'"):
        document("csv", source, columns=("x",))


def test_wrapped_text_is_wrapped_again() -> None:
    source = "  - The first line of it is\n    as wide as this.\n  - Another.\n\nNo list.\n"
    assert texts("txt", source, wrapped=True) == [
        "- The first line of it is\nas wide as this.",
        "- Another.",
        "No list.",
    ]
    written = translated("txt", source, "- " + "word " * 12, None, None, wrapped=True)
    assert written.startswith("  - word word word word word word word\n    word word")
    assert written.endswith("word\n  - Another.\n\nNo list.\n")


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("json", '{"a": "b",\n"c" 1}', "line 2, column 5: it is no JSON"),
        ("json", "[" * 100_000, "nested too deeply"),
        ("yaml", "a: b\nc: 'd\n", r"line \d, column \d: it is no YAML"),
        ("yaml", "[" * 10_000, "nested deeper than 200"),
        ("yaml", "a: \x07", "it is no YAML"),
        ("properties", "a=b\nc=\\u12", r"line 2: \\u must have four"),
        ("csv", 'a,b\n"c,d\n', "line 2: the quote of cell 1"),
        ("txt", b"a\n\xff", r"byte 3 \(line 2\)"),
        ("json", b"\xff\xfe[\x00]", r"byte 5"),
    ],
)
def test_wrong_forms_are_refused_with_their_place(name: str, source: str | bytes, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        document(name, source)


TEXT = st.text(
    st.sampled_from(" ab\\\"'\n\t:#,;{}[]&*!|>%@`-é\u2028") | st.characters(exclude_categories=["Cs"]),
    max_size=30,
)


@settings(max_examples=50, deadline=None)
@given(
    st.recursive(TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=5),
    TEXT,
    st.booleans(),
)
def test_any_value_comes_back(value: object, new: str, is_ascii: bool) -> None:
    source = json.dumps(value, ensure_ascii=is_ascii, indent=1)
    for name in ("json", "yaml"):
        try:
            found = document(name, source)
        except DocumentError:
            assert name == "yaml"
            continue
        assert found.write([passage.parts for passage in found.passages]) == source.encode()
        written = found.write([(new,)] * len(found.passages)).decode()
        strings = [plain(passage.parts) for passage in document(name, written).passages]
        assert strings == [new.strip()] * len(found.passages) or not any(map(str.isalpha, new))


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(["a: {}\n", "- {}\n", "a: [{}, b]\n", "a: {{b: {}}}\n"]), TEXT)
def test_any_text_is_the_same_for_those_who_load_yaml(frame: str, new: str) -> None:
    found = document("yaml", frame.format("text"))
    loaded = YAML(typ="safe", pure=True).load(
        found.write([(new,), *[None] * (len(found.passages) - 1)]).decode()
    )
    while isinstance(loaded, dict | list):
        loaded = loaded[0] if isinstance(loaded, list) else next(iter(loaded.values()))
    assert loaded == new


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(TEXT, min_size=2, max_size=4), max_size=4), st.sampled_from(",;\t|"), TEXT)
def test_any_table_comes_back(rows: list[list[str]], delimiter: str, new: str) -> None:
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    found = document("csv", stream.getvalue())
    assert found.write([passage.parts for passage in found.passages]) == stream.getvalue().encode()
    written = found.write([(new,)] * len(found.passages)).decode()
    again = list(csv.reader(io.StringIO(written, newline=""), delimiter=delimiter))
    assert [len(row) for row in again] == [len(row) for row in rows] or delimiter not in stream.getvalue()


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["properties", "csv", "tsv", "txt", "yaml", "json", "arb"]), TEXT, st.booleans())
def test_any_bytes_come_back_or_are_refused(name: str, source: str, has_mark: bool) -> None:
    data = source.encode("utf-8-sig") if has_mark else source.encode()
    try:
        found = document(name, data)
    except DocumentError:
        return
    assert found.write([None] * len(found.passages)) == data
    found.write([upper(passage.parts) for passage in found.passages])
