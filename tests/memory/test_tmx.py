"""TMX in and out: what is understood, what is skipped, and which errors a file may have."""

from __future__ import annotations

import collections
import os
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octavo.errors import InputError
from octavo.memory import Entry, Origin, TranslationMemory
from octavo.memory.rendering import numbering, parsed, rendered
from octavo.memory.tmx import Skipped, TmxReader
from octavo.memory.tmx_writer import TmxWriter
from octavo.text.parts import Kept, Mark, Part, Side

from .conftest import session_of
from .passages import passages

OPEN, CLOSE = Mark(Side.OPEN, 1), Mark(Side.CLOSE, 1)


def tmx(*units: str, head: str = '<?xml version="1.0"?>') -> str:
    return f'{head}<tmx version="1.4"><header/><body>{"".join(units)}</body></tmx>'


def unit(source: str, target: str, languages: tuple[str, str] = ("en-US", "de-DE")) -> str:
    sides = zip(languages, (source, target), strict=True)
    return "<tu>" + "".join(f'<tuv xml:lang="{lang}"><seg>{t}</seg></tuv>' for lang, t in sides) + "</tu>"


def read(
    path: Path, content: str | bytes, languages: tuple[str, str] = ("en", "de")
) -> tuple[list[tuple[tuple[Part, ...], tuple[Part, ...]]], TmxReader]:
    """The pairs of a file as parts, and the reader that read it."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    reader = TmxReader(
        path, source_language=languages[0], target_language=languages[1], advance=lambda *_: None
    )
    return [(parsed(source), parsed(target)) for source, target in reader.pairs()], reader


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("A  man\n rides &amp;", "Ein\n Mann", (("A man rides &",), ("Ein Mann",))),
        (
            'a <bpt i="1" x="7">&lt;b&gt;</bpt>b<ept i="1">&lt;/b&gt;</ept>',
            '<bpt i="3" x="7">&lt;b&gt;</bpt>B<ept i="3">&lt;/b&gt;</ept> A',
            (("a ", OPEN, "b", CLOSE), (OPEN, "B", CLOSE, " A")),
        ),
        ("<hi>a</hi>b", "B<hi>A</hi>", ((OPEN, "a", CLOSE, "b"), ("B", OPEN, "A", CLOSE))),
        ('a<ph x="1"/>', '<ph x="1"/>A', (("a", Mark(Side.PLACE, 1)), (Mark(Side.PLACE, 1), "A"))),
        (
            '<ph x="1">%s</ph> of <ph x="2">%s</ph>',
            'von <ph x="2">%s</ph> <ph x="1">%s</ph>',
            ((Kept("%s", 1), " of ", Kept("%s", 2)), ("von ", Kept("%s", 2), " ", Kept("%s", 1))),
        ),
        ('a<ph x="4">%d</ph>', 'A<ph x="9">%d</ph>', (("a", Kept("%d", 1)), ("A", Kept("%d", 1)))),
        ('a<bpt i="1"/>b<ept i="1"/>', "A B", (("ab",), ("A B",))),
        ('a<bpt i="1"/>b', 'A<bpt i="1"/>B', (("ab",), ("AB",))),
        (
            '<bpt i="1"/>a<bpt i="2"/>b<ept i="1"/>c<ept i="2"/>',
            '<bpt i="1"/>A<ept i="1"/><bpt i="2"/>B<ept i="2"/>',
            (("abc",), ("AB",)),
        ),
        ('a<it pos="begin">x</it>b', "AB", (("ab",), ("AB",))),
        ('a<bpt i="1"><sub>alt text</sub></bpt>b<ept i="1"/>', "AB", (("ab",), ("AB",))),
        ("a<unknown>b</unknown>", "AB", (("ab",), ("AB",))),
    ],
)
def test_what_a_unit_means(
    tmp_path: Path, source: str, target: str, expected: tuple[tuple[Part, ...], tuple[Part, ...]]
) -> None:
    pairs, _ = read(tmp_path / "x.tmx", tmx(unit(source, target)))
    assert pairs == [expected]


def test_skipped_units_are_counted_by_reason(tmp_path: Path) -> None:
    units = [
        unit("a", "A"),
        unit("a", "A", ("fr", "de")),
        unit("a", "A", ("en", "den")),
        unit(" ", "A"),
        unit("a", '<ph x="1"/>'),
        unit('a<ph x="1">%s</ph>', "A"),
        unit("a" * 20_001, "A"),
        unit("a", "A" * 20_001),
        "<tu/>",
    ]
    pairs, reader = read(tmp_path / "x.tmx", tmx(*units))
    assert len(pairs) == 1
    assert reader.units == 9
    assert reader.skipped == collections.Counter(
        {Skipped.NO_SOURCE: 3, Skipped.NO_TARGET: 2, Skipped.TOO_LONG: 2, Skipped.CODES: 1}
    )


def test_the_exact_language_goes_before_one_of_a_country(tmp_path: Path) -> None:
    tuvs = "".join(
        f'<tuv xml:lang="{language}"><seg>{language}</seg></tuv>'
        for language in ("en", "de-AT", "DE", "de-CH")
    )
    for asked, found in (("de", "DE"), ("de-at", "de-AT"), ("de_CH", "de-CH")):
        pairs, _ = read(tmp_path / "x.tmx", tmx(f"<tu>{tuvs}</tu>"), ("en", asked))
        assert pairs == [(("en",), (found,))]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-15"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    head = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>'
    content = tmx(unit("5 €", "größer"), head=head)
    pairs, _ = read(tmp_path / "x.tmx", content.encode(encoding))
    assert pairs == [(("5 €",), ("größer",))]


BOMB = '<!DOCTYPE tmx [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: .*no element found"),
        ("<tmx>\n<body>\n<tu>", "line 3: .*not well-formed XML"),
        ("<tmx>\n<body>\n</tmx>", r"line 3: .*not well-formed XML \(mismatched tag\)"),
        ("not XML", "line 1: .*not well-formed"),
        (b"\x1f\x8b\x08\0", "line 1: .*not well-formed"),
        (b"<tmx>\n\xff</tmx>", "line 2: .*not well-formed"),
        ('<?xml version="1.0" encoding="x-none"?><tmx/>', "line 1: .*unknown encoding.*save it in UTF-8"),
        ('<?xml version="1.0" encoding="Shift_JIS"?><tmx/>', "line 1: .*save it in UTF-8"),
        ("<xliff/>", "line 1: .*begins with <xliff>, and TMX begins with <tmx>"),
        (tmx(unit("&b;", "x"), head=BOMB), "line 1: .*document type has declarations of its own"),
        (
            tmx(unit("\n&nbsp;", "x"), head='<!DOCTYPE tmx SYSTEM "tmx14.dtd">'),
            "line 2: .*entity &nbsp; is not",
        ),
        (tmx(unit("&nbsp;", "x")), "line 1: .*undefined entity"),
        (tmx("<a>" * 101), "nested more than 100 deep"),
        (tmx(f"<tu n='{'x' * 5_000_000}'/>"), "longer than 4,194,304 bytes"),
        (tmx(unit("a", "A", ("fr", "it\x85"))), "no translation from en to de in its 1 unit; .*: fr, it"),
        (tmx(), "in its 0 units; its languages are: none"),
    ],
)
def test_broken_files_name_the_line_and_import_nothing(
    tmp_path: Path, memory: TranslationMemory, content: str | bytes, message: str
) -> None:
    with pytest.raises(InputError, match=rf"x\.tmx: .*{message}.*; nothing was imported"):
        read(tmp_path / "x.tmx", content)
    reader = TmxReader(
        tmp_path / "x.tmx", source_language="en", target_language="de", advance=lambda *_: None
    )
    with pytest.raises(InputError):
        memory.add_imported(reader.pairs(), source_language="en", target_language="de")
    assert memory.holdings() == []


def test_an_error_at_the_end_imports_nothing(tmp_path: Path, memory: TranslationMemory) -> None:
    path = tmp_path / "x.tmx"
    path.write_text(tmx(*(unit(f"{row}", "A") + "\n" for row in range(5000)), "</oh>"))
    reader = TmxReader(path, source_language="en", target_language="de", advance=lambda *_: None)
    with pytest.raises(InputError, match="line 5001"):
        memory.add_imported(reader.pairs(), source_language="en", target_language="de")
    assert memory.holdings() == []
    memory.add_imported([("a", "b")], source_language="en", target_language="de")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: None])
def test_what_is_no_file_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "x.tmx")
    reader = TmxReader(
        tmp_path / "x.tmx", source_language="en", target_language="de", advance=lambda *_: None
    )
    with pytest.raises(InputError, match=r"x\.tmx: cannot be read"):
        list(reader.pairs())


def written(*pairs: tuple[str, str], origin: Origin = Origin.IMPORTED) -> tuple[str, TmxWriter]:
    writer = TmxWriter(source_language="en", version="1.2.3")
    entries = [Entry(source, target, "en", "de", origin, "m<o>del", "", 0) for source, target in pairs]
    return "\n".join(writer.lines(entries)), writer


def test_what_is_written_is_tmx(tmp_path: Path) -> None:
    text, writer = written(("a & <b>", "A"), ("\x00", "x"), ("x", "\ufffe"), origin=Origin.MACHINE)
    root = ET.fromstring(text)
    assert (root.tag, root.get("version")) == ("tmx", "1.4")
    (found,) = root.iter("tu")
    assert found.get("changedate") == "19700101T000000Z"
    assert [prop.text for prop in found.iter("prop")] == ["machine", "m<o>del"]
    assert [seg.text for seg in found.iter("seg")] == ["a & <b>", "A"]
    assert (writer.written, writer.skipped) == (1, 2)


SPACED = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1
)


@settings(max_examples=60, deadline=None)
@given(source=passages(SPACED))
def test_what_was_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, source: tuple[Part, ...]
) -> None:
    source = ("x", *source)
    numbers = numbering(source)
    target = tuple(part.upper() if isinstance(part, str) else part for part in reversed_whole(source))
    text, _ = written((rendered(source, numbers), rendered(target, numbers)))
    pairs, _ = read(tmp_path_factory.getbasetemp() / "again.tmx", text)
    clean = [" ".join(rendered(side, numbers).split()) for side in (source, target)]
    assert [len(pair) for pair in pairs] == [2]
    assert rendered(pairs[0][1], {n: n for n in numbers.values()}) == clean[1]


def reversed_whole(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The parts from the end to the beginning, each element still around what it was around."""
    turned = {Side.OPEN: Side.CLOSE, Side.CLOSE: Side.OPEN, Side.PLACE: Side.PLACE}
    return tuple(
        Mark(turned[part.side], part.id) if isinstance(part, Mark) else part for part in reversed(parts)
    )


def test_a_memory_goes_out_and_into_another(tmp_path: Path, memory: TranslationMemory) -> None:
    source = ("Click ", Mark(Side.OPEN, 1), "here", Mark(Side.CLOSE, 1), " for ", Kept("%s", 2))
    target = (Kept("%s", 2), ": ", Mark(Side.OPEN, 1), "hier", Mark(Side.CLOSE, 1))
    session_of(memory).add([(source, target), ("It's 5 > 4 & so on", "„ja“ <nein>")])
    writer = TmxWriter(source_language="en", version="1")
    entries = memory.entries(source_language="en", target_language="de")
    (tmp_path / "x.tmx").write_text("\n".join(writer.lines(entries)), encoding="utf-8")
    reader = TmxReader(
        tmp_path / "x.tmx", source_language="en", target_language="de", advance=lambda *_: None
    )
    with TranslationMemory.open(tmp_path / "other.db") as other:
        assert other.add_imported(reader.pairs(), source_language="en", target_language="de") == (2, 0)
        hits = session_of(other, model="any").lookup([source, "It's 5 > 4 & so on"])
    assert [hit and hit.target for hit in hits] == [target, ("„ja“ <nein>",)]
