"""PO files: which entries are passages, and how their translations are written."""

from __future__ import annotations

import polib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.documents import DocumentError, DocumentOptions
from octavo.documents.po import read

HEADER = 'msgid ""\nmsgstr ""\n"Language: \\n"\n"Content-Type: text/plain; charset=UTF-8\\n"\n'


def translated(source: str, *translations: str | None, language: str = "de") -> str:
    """The file with these translations of its passages."""
    document = read(source.encode(), DocumentOptions(target_language=language))
    parts = [None if text is None else (text,) for text in translations]
    return document.write(parts).decode()


def texts(source: str) -> list[str]:
    """The text of every passage."""
    return [str(passage.parts[0]) for passage in read(source.encode(), DocumentOptions()).passages]


def test_what_is_not_translated_is_a_passage() -> None:
    source = (
        f'{HEADER}\n# note\n#: a.c:1\nmsgid "One"\nmsgstr ""\n\nmsgctxt "x"\nmsgid "Two"\nmsgstr "Zwei"\n\n'
        '#, fuzzy, c-format\nmsgid ""\n"Thr"\n"ee\\n"\nmsgstr "Drei"\n\n#~ msgid "Four"\n#~ msgstr ""\n'
    )
    assert texts(source) == ["One", "Three"]
    written = translated(source, "Eins", "Drei!")
    assert 'msgid "One"\nmsgstr "Eins"\n\nmsgctxt' in written
    assert '#, c-format\nmsgid ""\n"Thr"\n"ee\\n"\nmsgstr "Drei!\\n"\n' in written
    assert '"Language: de\\n"' in written
    assert len(polib.pofile(written).translated_entries()) == 3


def test_a_fuzzy_flag_alone_goes_with_its_line() -> None:
    assert translated('#, fuzzy\r\nmsgid "a"\r\nmsgstr "x"\r\n', "b") == 'msgid "a"\r\nmsgstr "b"\r\n'


def test_plural_forms_are_those_of_the_language() -> None:
    source = f'{HEADER}\nmsgid "%d file"\nmsgid_plural "%d files"\nmsgstr[0] ""\nmsgstr[1] ""\n'
    assert texts(source) == ["%d file", "%d files"]
    written = translated(source, "%d a", "%d b", language="pl")
    assert written.endswith('msgstr[0] "%d a"\nmsgstr[1] "%d b"\nmsgstr[2] "%d b"\n')
    assert translated(f"#, fuzzy\n{source}".replace("UTF-8", "CHARSET"), "a", None).startswith(
        'msgid ""\nmsgstr'
    )
    template = source.replace(
        '"Language: ', '"Plural-Forms: nplurals=INTEGER; plural=EXPRESSION;\\n"\n"Language: '
    )
    assert "nplurals=1; plural=0;" in translated(template, "a", "b", language="ja")


def test_a_header_without_a_language_gets_one() -> None:
    header = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
    written = translated(f'{header}\nmsgid "a"\nmsgstr ""\n', "b")
    assert written == f'{header}"Language: de\\n"\n\nmsgid "a"\nmsgstr "b"\n'
    plural = f'{header}\nmsgid "a"\nmsgid_plural "b"\nmsgstr[0] ""\nmsgstr[1] ""\n'
    metadata = polib.pofile(translated(plural, "c", "d")).metadata
    assert (metadata["Language"], metadata["Plural-Forms"]) == ("de", "nplurals=2; plural=(n != 1);")
    assert translated(plural, None, None) == plural


def test_a_file_for_another_language_is_refused() -> None:
    for language, is_right in (
        ("fr", False),
        ("pt_BR", False),
        ("de_AT", True),
        ("en", True),
        ("German", True),
    ):
        source = f'{HEADER.replace("Language: ", f"Language: {language}")}\nmsgid "a"\nmsgstr "%s"\n'
        assert not texts(source % "done")
        if is_right:
            assert texts(source % "") == ["a"]
        else:
            with pytest.raises(DocumentError, match=f"to be translated to {language.replace('_', '-')}, and"):
                texts(source % "")


def test_long_translations_are_broken_as_gettext_breaks_them() -> None:
    text = "word " * 40 + 'end "quoted"\nand\\more'
    written = translated('msgid "a"\nmsgstr ""\n', text)
    assert max(map(len, written.splitlines())) <= 79
    assert written.splitlines()[1] == 'msgstr ""'
    assert polib.pofile(written)[0].msgstr == text


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('msgid "a"\nmsgstr "b', "line 2, column 7: a text in quotes"),
        ('msgid "a"\nmsgid_plural "b"\nmsgstr ""\n', "line 3, column 1: msgstr does not fit"),
        ('msgid "a"\n\nmsgid "b"\nmsgstr ""', "line 3, column 1: msgid stands there twice"),
        ("hello", "line 1, column 1: a keyword"),
        ('msgstr "a"', "line 1, column 1: msgstr has no msgid"),
        ('# x\nmsgid "a"\n', "line 2: the entry has no msgstr"),
        ('msgid "a" b\nmsgstr ""', "line 1, column 10"),
    ],
)
def test_wrong_forms_are_refused_with_their_place(source: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        read(source.encode(), DocumentOptions())


ENDS_FOR_POLIB = "\x1c\x1d\x1e\x85\u2028\u2029"  # it takes them for ends of lines
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters=ENDS_FOR_POLIB)
TEXT = st.text(st.sampled_from(' ab\\"\n\t%{}<>') | CHARACTERS, max_size=200)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=4), st.booleans())
def test_any_message_comes_back(messages: list[tuple[str, str]], is_done: bool) -> None:
    file = polib.POFile(wrapwidth=60)
    for number, (text, translation) in enumerate(messages):
        entry = polib.POEntry(msgctxt=str(number), msgid=text, msgstr=translation if is_done else "")
        file.append(entry)
    source = str(file)
    document = read(source.encode(), DocumentOptions())
    assert document.write([passage.parts for passage in document.passages]) == source.encode()
    if not is_done:
        again = polib.pofile(document.write([("new",)] * len(document.passages)).decode())
        assert [entry.msgstr.strip() for entry in again if entry.msgid.strip()] == ["new"] * len(
            document.passages
        )
