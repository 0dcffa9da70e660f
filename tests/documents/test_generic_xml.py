"""XML of any kind: what is text, by itself and by rules."""

from __future__ import annotations

import pytest
from tests.documents.archives import lines, translated

from octavo.documents import DocumentError, DocumentOptions, generic_xml

ARTICLE = """<?xml version="1.0"?>
<article id="a">
  <title>A <em>big</em> dog</title>
  <para>It plays
    in the <em>snow</em>.
    <list><item><para>One</para></item><item><para>Two</para></item></list>
    Then it sleeps.</para>
  <code>x = 1</code>
  <note translate="no">Rex</note><title xml:lang="fr">Un chien</title>
  <para xml:space="preserve">a
 b</para>
</article>"""


def read_lines(text: str, rules: str = "") -> list[str]:
    return lines(generic_xml.read(text.encode(), DocumentOptions(xml_rules=rules)))


def test_what_is_found_out() -> None:
    found = ["A [1]big[/1] dog", "It plays\n    in the [1]snow[/1].", "One", "Two"]
    assert read_lines(ARTICLE) == [*found, "Then it sleeps.", "x = 1", "a\n b"]
    document = generic_xml.read(ARTICLE.encode(), DocumentOptions())
    assert [passage.wrapped for passage in document.passages] == [True] * 6 + [False]
    assert document.passages[2].where == "line 6"
    assert document.write([passage.parts for passage in document.passages]) == ARTICLE.encode()
    new = translated(document).decode()
    assert "<title>A <em>BIG</em> DOG</title>" in new and '<note translate="no">Rex</note>' in new


def test_rules() -> None:
    rules = 'kept = ["em"]\nskipped = ["code", "list"]\nattributes = ["id"]'
    assert read_lines(ARTICLE, rules) == [
        *("a", "A {big} dog", "It plays\n    in the {snow}.", "Then it sleeps.", "a\n b")
    ]
    assert read_lines(ARTICLE, 'only = ["item"]') == ["One", "Two"]
    assert read_lines("<a>x <b>y</b></a>", 'block = ["b"]') == ["x", "y"]
    assert read_lines("<a><b>y</b><b>z</b></a>", 'inline = ["b"]') == ["[1]y[/1][2]z[/2]"]


@pytest.mark.parametrize("rules", ["block = 'para'", "blocks = ['para']", "block = [1]", "block ="])
def test_rules_that_are_wrong(rules: str) -> None:
    with pytest.raises(DocumentError, match="rules for XML are"):
        read_lines(ARTICLE, rules)
