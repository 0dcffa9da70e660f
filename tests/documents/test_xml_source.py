"""XML as a tree that knows its bytes: places, encodings, and what is refused."""

from __future__ import annotations

import pytest

from octavo.documents import DocumentError
from octavo.documents.xml_source import MOST_DEPTH, Element, Remark, Text, XmlSource, escaped_attribute, parse


def pieces(source: XmlSource) -> list[bytes]:
    """The bytes of everything in a document, in its order."""

    def inside(element: Element) -> list[bytes]:
        found = [source.data[element.start : element.content]]
        for child in element.children:
            if isinstance(child, Element):
                found += inside(child)
            else:
                found.append(source.data[child.start : child.end])
        return [*found, source.data[element.content_end : element.end]]

    return [piece for piece in inside(source.root) if piece]


MARKUP = [
    "<w:a xmlns:w='u' w:q='1' z=\"&gt;\n2>\">",
    "t&amp;u",
    "<b/>",
    "x",
    "<![CDATA[<raw>]]>",
    "y",
    "<!-- c -->",
]
MARKUP += ["<?pi d?>", "ä&#65;", "<b\n>", "\n", "</b\t>", "</w:a>"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_the_bytes_of_everything_are_known(encoding: str) -> None:
    name = encoding.removesuffix("-sig")
    declaration = f'<?xml version="1.0" encoding="{name}"?>\n<!-- before -->'
    source = parse((declaration + "".join(MARKUP) + "\n<!-- after -->\n").encode(encoding), {"u": "w"})
    assert pieces(source) == [source.encode(piece) for piece in MARKUP]
    assert (source.root.name, source.root.attributes) == ("w:a", {"w:q": "1", "z": "> 2>"})
    assert source.root.text() == "t&ux<raw>yäA\n"
    kinds = [type(child) for child in source.root.children]
    assert kinds == [Text, Element, Text, Text, Text, Remark, Remark, Text, Element]
    start, end = source.attribute(source.root, "z") or (0, 0)
    assert source.data[start:end] == source.encode("&gt;\n2>")
    assert source.value((start, end)) == "> 2>"
    assert source.encode("ä") != source.encode("a")


def test_the_byte_order_of_utf_16() -> None:
    for codec, mark in (("utf-16-be", b"\xfe\xff"), ("utf-16-le", b"\xff\xfe"), ("utf-16-le", b"")):
        data = mark + '<?xml version="1.0" encoding="UTF-16"?><a>ä</a>'.encode(codec)
        if not mark:
            continue
        source = parse(data, {})
        assert pieces(source) == ["<a>".encode(codec), "ä".encode(codec), "</a>".encode(codec)]


def test_characters_that_an_encoding_lacks_become_references() -> None:
    source = parse(b'<?xml version="1.0" encoding="iso-8859-1"?><a/>', {})
    assert source.encode("ä€") == b"\xe4&#8364;"


def test_namespaces_have_the_prefixes_of_the_reader() -> None:
    source = parse(b"<a xmlns='u'><b:c xmlns:b='v' b:d='' e=''/></a>", {"u": "w"})
    (inner,) = source.root.elements()
    assert (source.root.name, inner.name, dict(inner.attributes)) == ("w:a", "{v}c", {"{v}d": "", "e": ""})
    assert (source.name(source.root), source.name(inner), source.line(inner)) == ("a", "b:c", 1)


@pytest.mark.parametrize("start", ["", "<!DOCTYPE html>", '<!DOCTYPE html PUBLIC "x" "file:///etc/passwd">'])
def test_entities_of_html_where_they_are_asked_for(start: str) -> None:
    source = parse(f"{start}<a t='x&nbsp;y'>a&nbsp;b<b>&auml;</b></a>".encode(), {}, named_entities=True)
    assert source.root.text() == "a\xa0bä"
    assert [piece.decode() for piece in pieces(source)][1] == "a&nbsp;b"
    with pytest.raises(DocumentError, match=r"line 1, column .*&nope; is not known"):
        parse(f"{start}<a>&nope;</a>".encode(), {}, named_entities=True)


LAUGHS = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))


@pytest.mark.parametrize(
    "text",
    [
        f"<!DOCTYPE a [<!ENTITY l0 'ha'>{LAUGHS}]><a>&l9;</a>",
        f"<!DOCTYPE a [<!ENTITY q '{'q' * 100_000}'>]><a>{'&q;' * 1000}</a>",
        "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
        "<!DOCTYPE a [<!ENTITY % x SYSTEM 'http://127.0.0.1/'> %x;]><a/>",
        "<!DOCTYPE a []><a/>",
    ],
)
@pytest.mark.parametrize("named_entities", [False, True])
def test_declarations_are_refused(text: str, named_entities: bool) -> None:
    with pytest.raises(DocumentError, match=r"line 1, column .*declarations in the document type"):
        parse(text.encode(), {}, named_entities=named_entities)


def test_a_document_type_outside_is_not_read() -> None:
    source = parse(b'<!DOCTYPE tmx SYSTEM "file:///dev/stdin"><tmx/>', {})
    assert source.root.name == "tmx"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<a>\n <b></a>", r"line 2, column \d+: this is not well-formed XML \(mismatched tag\)"),
        (b"", "no element found"),
        (b"<a>", "no element found"),
        (b"<a>&nbsp;</a>", "undefined entity"),
        (b"<a>\x00</a>", "not well-formed"),
        (b"<a>\xff</a>", "not well-formed"),
        (b"<?xml version='1.0' encoding='shift_jis'?><a/>", "encoding .* save it as UTF-8"),
        (b"<?xml version='1.0' encoding='nope'?><a/>", "encoding .* save it as UTF-8"),
        (b"<a>" * 9999 + b"</a>" * 9999, f"more than {MOST_DEPTH} elements are inside each other"),
    ],
)
def test_what_cannot_be_read(data: bytes, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        parse(data, {})


def test_long_things_take_linear_time() -> None:
    size = 50_000_000
    assert len(parse(b"<a>" + b"x" * size + b"</a>", {}).root.text()) == size
    assert len(parse(b"<a b='" + b"x" * size + b"'/>", {}).root.attributes["b"]) == size
    assert len(parse(b"<a>" + b"x\n" * 500_000 + b"</a>", {}).root.text()) == 1_000_000


def test_attributes_are_escaped_for_both_quotes() -> None:
    assert escaped_attribute("<'\"&\n>") == "&lt;&#39;&quot;&amp;&#10;&gt;"
