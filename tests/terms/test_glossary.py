"""Glossary files, and terms found in texts: as a plain matcher finds them, on word boundaries."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.errors import InputError
from octavo.terms import Entry, Glossary, TermMatch

WORDS = st.sampled_from(
    ["cat", "Cat", "dog", "dogs", "e-mail", "New", "York", "x", "猫", "犬", "ÄRGER", "é", "."]
)
PHRASES = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)
TEXTS = st.lists(st.one_of(WORDS, st.sampled_from([" ", "\n ", ",", "-", "s"])), max_size=14).map("".join)


def found(glossary: Glossary, text: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(text[m.start : m.end], m.targets) for m in glossary.matches(text)]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def is_boundary(text: str, at: int) -> bool:
    """Whether no word goes on at ``at``; every Han character is a word."""
    pair = text[max(0, at - 1) : at + 1]
    return at in (0, len(text)) or not all(c.isalnum() and c not in "猫犬" for c in pair)


def naive(entries: list[Entry], text: str) -> list[TermMatch]:
    """The longest entry at each place from the left, by comparing all of them; exact case only."""
    matches, at = [], 0
    while at < len(text):
        ends = [
            (at + one.end(), entry)
            for entry in entries
            if (one := re.match(r"\s+".join(map(re.escape, entry.source.split())), text[at:]))
            and is_boundary(text, at)
            and is_boundary(text, at + one.end())
        ]
        end, entry = max(ends, key=lambda one: one[0], default=(at, None))
        if entry is not None:
            matches.append(TermMatch(at, end, entry.targets))
        at = max(end, at + 1)
    return matches


@given(st.lists(PHRASES, max_size=6, unique=True), TEXTS)
def test_matches_are_those_of_a_plain_matcher(sources: list[str], text: str) -> None:
    entries = [Entry(source, (f"<{i}>",), exact_case=True) for i, source in enumerate(sources)]
    assert list(Glossary(entries).matches(text)) == naive(entries, text)


@given(st.lists(PHRASES, max_size=6, unique_by=str.casefold), st.text(max_size=30) | TEXTS)
def test_matches_lie_on_word_boundaries_and_do_not_overlap(sources: list[str], text: str) -> None:
    behind = 0
    for match in Glossary([Entry(s, ("t",)) for s in sources], "en").matches(text):
        assert behind <= match.start < match.end
        assert is_boundary(text, match.start)
        assert is_boundary(text, match.end)
        behind = match.end


def test_the_longest_term_wins_and_words_are_whole() -> None:
    glossary = Glossary([Entry("file", ("Datei",)), Entry("file name", ("Dateiname",))], "en")
    assert found(glossary, "The file name of a profile, files, file\n name") == [
        ("file name", ("Dateiname",)),
        ("files", ("Datei",)),
        ("file\n name", ("Dateiname",)),
    ]


def test_case() -> None:
    glossary = Glossary(
        [
            Entry("apple", ("Apfel", "die Frucht")),
            Entry("Apple", ("Apple",)),
            Entry("it", ("EDV",), exact_case=True),
            Entry("quickly", ("schnell",)),
        ]
    )
    assert found(glossary, "apple Apple APPLE it It") == [
        ("apple", ("Apfel", "die Frucht")),
        ("Apple", ("Apple",)),
        ("APPLE", ("APFEL", "DIE FRUCHT")),
        ("it", ("EDV",)),
    ]
    assert found(glossary, "Quickly QUICKLY") == [("Quickly", ("Schnell",)), ("QUICKLY", ("SCHNELL",))]


@pytest.mark.parametrize(
    ("language", "source", "forms", "others"),
    [
        ("en", "box", "box boxes box's", "boxer boxen"),
        ("en-GB", "query", "query queries", "quer"),
        ("de", "Kind", "Kind Kinder Kinds Kindes Kinde", "Kindheit"),
        ("fr", "mot", "mot", "mots"),
        ("", "word", "word", "words"),
    ],
)
def test_inflection(language: str, source: str, forms: str, others: str) -> None:
    glossary = Glossary([Entry(source, ("t",))], language)
    assert len(glossary.matches(forms)) == len(forms.split())
    assert glossary.matches(others) == ()


def test_scripts_without_spaces_match_inside() -> None:
    glossary = Glossary([Entry("東京", ("Tokio",)), Entry("東京都", ("Präfektur Tokio",))])
    assert found(glossary, "私は東京都と東京に") == [("東京都", ("Präfektur Tokio",)), ("東京", ("Tokio",))]


def test_a_term_without_targets_stays_as_it_stands() -> None:
    assert found(Glossary([Entry("octavo")]), "Octavo and OCTAVO") == [
        ("Octavo", ("Octavo",)),
        ("OCTAVO", ("OCTAVO",)),
    ]


def test_tsv(tmp_path: Path) -> None:
    path = write(
        tmp_path / "terms.tsv",
        "\ufeffSource\tTarget\n# a comment\n\ncat\tKatze | Kater\nOctavo\n"
        "IT\tEDV\texact\r\ncat\tKater|Katze\n",
    )
    assert Glossary.read(path).entries == (
        Entry("cat", ("Katze", "Kater")),
        Entry("Octavo"),
        Entry("IT", ("EDV",), exact_case=True),
    )


@pytest.mark.parametrize("mark", [",", ";"])
def test_csv(tmp_path: Path, mark: str) -> None:
    path = write(tmp_path / "terms.csv", f'source{mark}target\n"a, b; ""c"""{mark}"d"\nkept\n')
    assert Glossary.read(path).entries == (Entry('a, b; "c"', ("d",)), Entry("kept"))


OLD = """<?xml version="1.0"?>
<!DOCTYPE martif SYSTEM "TBXBasiccoreStructV02.dtd">
<martif type="TBX-Basic" xml:lang="en"><text><body>
<termEntry id="1"><descrip type="subjectField">pets</descrip>
 <langSet xml:lang="en-US"><tig><term>cat &amp; dog</term></tig>
  <ntig><termGrp><term>pets</term></termGrp></ntig></langSet>
 <langSet xml:lang="de"><tig><term>Katze und Hund</term></tig>
  <tig><term>Viecher</term>
   <termNote type="administrativeStatus">deprecatedTerm-admn-sts</termNote></tig></langSet>
</termEntry>
<termEntry id="2"><langSet xml:lang="en"><tig><term>alone</term></tig></langSet></termEntry>
</body></text></martif>"""
NEW = """<tbx style="dct" type="TBX-Basic" xmlns="urn:iso:std:iso:30042:ed-2" xmlns:basic="b"><text><body>
<conceptEntry id="1"><langSec xml:lang="de"><termSec><term>Hund</term></termSec>
<termSec><term>Köter</term><basic:administrativeStatus>supersededTerm-admn-sts</basic:administrativeStatus></termSec></langSec>
<langSec xml:lang="en"><termSec><term>dog</term></termSec></langSec>
<langSec xml:lang="fr"><termSec><term>chien</term></termSec></langSec></conceptEntry></body></text></tbx>"""


def test_tbx(tmp_path: Path) -> None:
    old = Glossary.read(write(tmp_path / "old.tbx", OLD))
    assert old.entries == (Entry("cat & dog", ("Katze und Hund",)), Entry("pets", ("Katze und Hund",)))
    new = Glossary.read(write(tmp_path / "new.tbx", NEW), source="en", target="de-DE")
    assert new.entries == (Entry("dog", ("Hund",)),)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.tsv", b"cat\tKatze\ncat\tHund\n", r"'cat' is translated by 'Katze' and by 'Hund' \(.*line 1 and"),
        ("a.tsv", b"\n\tKatze\n", "line 2: the entry has no source term"),
        ("a.tsv", b"cat\tKatze||Kater\n", "line 1: 'cat' has a target that is blank"),
        ("a.tsv", b"cat\tKatze\tloud\n", "line 1: unknown option 'loud'"),
        ("a.tsv", b"a\tb\t\tc\n", "line 1: has 4 columns"),
        ("a.tsv", b"a\tb\n\xff\n", "line 2: not UTF-8"),
        ("a.csv", b'a,b\n"c,d\n', "line 2: not valid CSV"),
        ("a.json", b"", r"ends in .tsv, .csv or .tbx"),
        ("a.tbx", b"<martif>\n<text", "line 2: not valid XML"),
        ("a.tbx", b"<martif/>", "has no concept with terms"),
        ("a.tbx", NEW.encode(), "has terms in de, en, fr; say which"),
        ("a.tbx", b'<!DOCTYPE m [<!ENTITY a "b">]><m>&a;</m>', "line 1: declares its own document type"),
        ("a.tbx", b'<!DOCTYPE m SYSTEM "x"><m>&a;</m>', "line 1: uses or declares the entity 'a'"),
        ("a.tbx", b"<m>" * 70, "nested more than 64 deep"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        Glossary.read(path)


def test_a_missing_file_and_a_language_that_a_file_lacks(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.tsv: No such file"):
        Glossary.read(tmp_path / "none.tsv")
    with pytest.raises(InputError, match="has no terms in 'it', only in en, de"):
        Glossary.read(write(tmp_path / "old.tbx", OLD), source="it", target="de")


def test_targets_that_are_one_str_are_told() -> None:
    with pytest.raises(
        TypeError, match=r"targets = 'Hund' \(str\): must be a tuple of str; write \('Hund',\)"
    ):
        Entry("dog", "Hund")  # type: ignore[arg-type]
