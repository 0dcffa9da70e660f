"""XLIFF and TMX: which texts get a translation, and where it is written."""

from __future__ import annotations

import pytest
from tests.documents.archives import lines, swapped, translated

from octavo.documents import DocumentError, DocumentOptions, tmx, xliff

OPTIONS = DocumentOptions()
REVIEW = 'state="needs-review-translation" state-qualifier="mt-suggestion"'


def first(units: str, languages: str = 'source-language="en" target-language="de"') -> bytes:
    return (
        f'<?xml version="1.0"?>\n<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2">'
        f"<file {languages}><body>{units}</body></file></xliff>"
    ).encode()


def second(units: str, languages: str = 'srcLang="en-US" trgLang="de"') -> bytes:
    return (
        f'<xliff version="2.0" {languages} xmlns="urn:oasis:names:tc:xliff:document:2.0"><file id="f">'
        f"{units}</file></xliff>"
    ).encode()


def test_a_unit_gets_its_translation() -> None:
    unit = '<trans-unit id="u1">\n  <source>A dog.</source>\n{}</trans-unit>'
    document = xliff.read(first(unit.format("")), OPTIONS)
    assert (lines(document), document.passages[0].where) == (["A dog."], "unit u1, line 3")
    target = f"  <target {REVIEW}>A DOG.</target>\n"
    assert translated(document) == first(unit.format(target))
    assert document.write([("A dog.",)]) == first(unit.format(""))


@pytest.mark.parametrize(
    ("target", "written"),
    [
        ("<target/>", f"<target {REVIEW}>A DOG</target>"),
        ("<target xml:lang='de'> </target>", f"<target xml:lang='de' {REVIEW}>A DOG</target>"),
        ('<target state="new">A dog</target>', f"<target {REVIEW}>A DOG</target>"),
        ('<target state="needs-translation"><x id="1"/></target>', f"<target {REVIEW}>A DOG</target>"),
        ("<target>Ein Hund</target>", None),
        ('<target state="translated">Ein Hund</target>', None),
    ],
)
def test_a_translation_stays_unless_its_state_says_otherwise(target: str, written: str | None) -> None:
    unit = '<trans-unit id="1"><source>A dog</source>{}</trans-unit>'
    document = xliff.read(first(unit.format(target)), OPTIONS)
    assert lines(document) == ([] if written is None else ["A dog"])
    assert translated(document) == first(unit.format(written or target))


def test_units_that_are_not_to_be_translated() -> None:
    units = (
        '<trans-unit id="1" translate="no"><source>a</source></trans-unit>'
        '<group translate="no"><trans-unit id="2"><source>b</source></trans-unit></group>'
        '<trans-unit id="3" approved="yes"><source>c</source><target state="new">d</target></trans-unit>'
        '<group><trans-unit id="4"><source>e</source><alt-trans><source>f</source></alt-trans></trans-unit>'
        "</group>"
    )
    assert lines(xliff.read(first(units), OPTIONS)) == ["e"]


def test_codes_are_marks() -> None:
    codes = (
        'Two <g id="1">dogs</g> <x id="2"/><bpt id="3">&lt;b></bpt>play<ept id="3">&lt;/b></ept> '
        '<ph id="4">%s</ph> <mrk mtype="protected">Rex</mrk>, '
        '<bpt id="5"/>a<bpt id="6"/>b<ept id="5"/>c<ept id="6"/>.'
    )
    document = xliff.read(first(f'<trans-unit id="1"><source>{codes}</source></trans-unit>'), OPTIONS)
    assert lines(document) == ["Two [1]dogs[/1] [2.][3]play[/3] [4.] {Rex}, [6.]a[7]b[8.]c[/7]."]
    new = translated(document, swapped).decode()
    target = new[new.index("<target") : new.index("</target>")]
    assert '<bpt id="3">&lt;b></bpt>play<ept id="3">&lt;/b></ept><x id="2"/> <g id="1">dogs</g>Two ' in target
    assert new.count(codes) == 1


def test_segmented_sources_keep_their_segments() -> None:
    unit = (
        '<trans-unit id="1"><source>One. Two.</source><seg-source><mrk mtype="seg" mid="1">One.</mrk> '
        '<mrk mtype="seg" mid="2">Two.</mrk></seg-source>{}</trans-unit>'
    )
    document = xliff.read(first(unit.format("")), OPTIONS)
    target = '<mrk mtype="seg" mid="1">ONE.</mrk> <mrk mtype="seg" mid="2">TWO.</mrk>'
    assert translated(document) == first(unit.format(f"<target {REVIEW}>{target}</target>"))


def test_version_2() -> None:
    segments = (
        '<unit id="u"><originalData><data id="d">%s</data></originalData>'
        '<segment><source>Two <pc id="1">dogs</pc> <ph id="2" dataRef="d"/></source></segment><ignorable>'
        "<source> </source></ignorable>"
        '<segment state="initial"><source>a</source><target>x</target></segment>'
        '<segment state="final"><source>b</source><target>y</target></segment>'
        "<segment><source>c</source><target>z</target></segment></unit>"
    )
    document = xliff.read(second(segments), OPTIONS)
    assert lines(document) == ["Two [1]dogs[/1]", "a"]
    wanted = segments.replace("<segment><source>Two", '<segment state="translated"><source>Two').replace(
        "</source></segment><ign",
        '</source><target>TWO <pc id="1">DOGS</pc> <ph id="2" dataRef="d"/></target></segment><ign',
    )
    wanted = wanted.replace('state="initial"', 'state="translated"').replace("<target>x", "<target>A")
    assert translated(document) == second(wanted)


def test_pairs_of_version_2() -> None:
    source = 'A <sc id="1"/>big<ec startRef="1"/> <mrk translate="no">Dog</mrk><ec id="9" isolated="yes"/> x'
    text = second(f'<unit id="u"><segment><source>{source}</source></segment></unit>')
    assert lines(xliff.read(text, OPTIONS)) == ["A [1]big[/1] {Dog}[3.] x"]


def test_the_target_language_is_stated_and_must_be_the_right_one() -> None:
    unit = '<trans-unit id="1"><source>a</source></trans-unit>'
    document = xliff.read(first(unit, 'source-language="en"'), OPTIONS)
    assert b'<file source-language="en" target-language="de">' in translated(document)
    unit_2 = '<unit id="u"><segment><source>a</source></segment></unit>'
    assert b' trgLang="de">' in translated(xliff.read(second(unit_2, 'srcLang="en"'), OPTIONS))
    french = (
        first(unit, 'source-language="en" target-language="fr-FR"'),
        second(unit_2, 'srcLang="en" trgLang="fr"'),
    )
    for text in french:
        with pytest.raises(DocumentError, match=r"translated to fr.* translation to de"):
            xliff.read(text, OPTIONS)
    with pytest.raises(DocumentError, match=r"translated from sv.* translation from en"):
        xliff.read(first(unit, 'source-language="sv"'), OPTIONS)


def test_documents_that_are_none() -> None:
    with pytest.raises(DocumentError, match="root must be xliff"):
        xliff.read(b"<a/>", OPTIONS)
    with pytest.raises(DocumentError, match="not XLIFF of version 1 or 2"):
        xliff.read(b"<xliff version='3.0'/>", OPTIONS)
    with pytest.raises(DocumentError, match="root must be tmx"):
        tmx.read(b"<a/>", OPTIONS)
    with pytest.raises(DocumentError, match="no text of this TMX document is in en"):
        tmx.read(b"<tmx/>", OPTIONS)


def memory(units: str) -> bytes:
    start = '<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n<tmx version="1.4"><header srclang="en"/><body>'
    return f"{start}{units}</body></tmx>".encode()


def test_a_unit_of_a_memory_gets_a_text_in_the_target_language() -> None:
    unit = (
        "<tu>\n <tuv xml:lang='EN-us'><seg>A <bpt i='1'/>dog<ept i='1'/> <hi>plays</hi></seg></tuv>"
        "\n <tuv xml:lang='fr'><seg>Un chien</seg></tuv>{}\n</tu>"
    )
    document = tmx.read(memory(unit.format("")), OPTIONS)
    assert lines(document) == ["A [1]dog[/1] [2]plays[/2]"]
    text = "A <bpt i='1'/>DOG<ept i='1'/> <hi>PLAYS</hi>"
    new = f'\n <tuv xml:lang="de" creationid="octavo"><seg>{text}</seg></tuv>'
    assert translated(document) == memory(unit.format(new))


def test_what_a_memory_has_stays_and_what_is_empty_is_filled() -> None:
    unit = "<tu><tuv lang='en'><seg>a</seg></tuv><tuv lang='de-AT'>{}</tuv></tu>"
    assert lines(tmx.read(memory(unit.format("<seg>b</seg>")), OPTIONS)) == []
    document = tmx.read(memory(unit.format("<seg/>")), OPTIONS)
    assert translated(document) == memory(unit.format("<seg>A</seg>"))
    both = memory(unit.format("<seg>b</seg>") + "<tu><tuv lang='en'><seg>c</seg></tuv></tu>")
    assert b'<tuv xml:lang="de-AT"' in translated(tmx.read(both, OPTIONS))
