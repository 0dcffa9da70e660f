"""Lines of input: their ends, slow writers, and files that are no text."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from octavo.cli.terminal import lines as module
from octavo.cli.terminal.lines import LineInput, lines_of_texts, open_lines
from octavo.errors import InputError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "in.txt"


def lines_of(path: Path) -> list[str]:
    with open_lines(path) as lines:
        return list(lines)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (b"", []),
        (b"a", ["a"]),
        (b"a\n", ["a"]),
        (b"\n\na", ["", "", "a"]),
        (b"a\r\nb\r\r\nc\r", ["a", "b\r", "c"]),
        (b"a\rb\xe2\x80\xa8c\x0cd\n", ["a\rb\u2028c\x0cd"]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb", ["a", "\ufeffb"]),
        (b"\x00\n\x1a\n", ["\x00", "\x1a"]),
    ],
)
def test_what_ends_a_line(file: Path, written: bytes, expected: list[str]) -> None:
    file.write_bytes(written)
    assert lines_of(file) == expected


@pytest.mark.parametrize("read_bytes", [1, 2, 3, 7, 1 << 16])
def test_lines_do_not_depend_on_how_they_arrive(
    file: Path, read_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = ["", "ä", "Bako tire 👩‍👧", "", "x" * 50, "ö\r"] * 20
    file.write_text("".join(f"{line}\n" for line in text), newline="")
    monkeypatch.setattr(module, "READ_BYTES", read_bytes)
    assert lines_of(file) == [line.removesuffix("\r") for line in text]


def test_one_that_waits_says_so() -> None:
    reader, writer = os.pipe()
    try:
        lines = LineInput("pipe", descriptor=reader)
        assert lines.waits()
        os.write(writer, b"Bako.\nTire.\nSa")
        assert [lines.waits(), next(lines), lines.waits(), next(lines), lines.waits()] == [
            *(False, "Bako.", False),
            *("Tire.", True),
        ]
        os.write(writer, b"l.\nKo")
        assert [lines.waits(), next(lines), lines.waits()] == [False, "Sal.", True]
        os.close(writer)
        assert not lines.waits()
        assert list(lines) == ["Ko"]
        assert not lines.waits()
    finally:
        os.close(reader)


def test_a_file_never_waits_and_has_a_size(file: Path) -> None:
    file.write_bytes(b"Bako tire\r\n" * 1000)
    with open_lines(file) as lines:
        assert (lines.total_bytes, lines.interactive) == (11_000, False)
        assert not any(lines.waits() for _ in lines)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            b"PK\x03\x04\x14\x00\x06\x00word/document.xml",
            "a ZIP archive, as DOCX and ODT are; octavo translate FILE.docx",
        ),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF; take the text out of it first"),
        ("Bako.\n".encode("utf-16-le"), "a binary file or UTF-16, as a third of it is zeros"),
        ("Bako.\n".encode("utf-16-be"), "a binary file or UTF-16, as a third of it is zeros"),
        ("\ufeffBako.\n".encode("utf-16-le"), "UTF-16; convert it first: iconv -f UTF-16 -t UTF-8"),
        ("\ufeffBako.\n".encode("utf-16-be"), "UTF-16; convert it first: iconv -f UTF-16 -t UTF-8"),
        ("\ufeffBako.\n".encode("utf-32-le"), "UTF-32; convert it first"),
        ("\ufeffBako.\n".encode("utf-32-be"), "UTF-32; convert it first"),
        (b"{\\rtf1 Bako}", "an RTF document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document"),
        (b"\x1f\x8b\x08\x00", "compressed with gzip"),
    ],
)
def test_what_people_take_for_text(file: Path, data: bytes, words: str) -> None:
    file.write_bytes(data)
    with pytest.raises(InputError) as refused:
        lines_of(file)
    assert str(refused.value).startswith(f"{file}: is no plain text but {words}")


def test_a_line_that_is_not_utf8_comes_after_those_before(file: Path) -> None:
    file.write_bytes(b"Bako.\n" * 100 + b"caf\xe9\nTire.\n")
    given: list[str] = []
    with open_lines(file) as lines, pytest.raises(InputError, match=r"in\.txt: line 101 is not UTF-8.*0xe9"):
        given.extend(lines)
    assert given == ["Bako."] * 100


def test_texts_of_the_command_line_may_hold_several_lines() -> None:
    lines = lines_of_texts(["Bako.", "", "Tire.\nSal.\r\nKo."])
    assert list(lines) == ["Bako.", "", "Tire.", "Sal.", "Ko."]
    with pytest.raises(InputError, match="line 2 is not UTF-8"):
        list(lines_of_texts(["Bako.", "caf\udce9"]))
