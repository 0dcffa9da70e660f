"""Input in blocks: line ends, growing blocks, slow writers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from octavo.cli.terminal import lines as module
from octavo.cli.terminal.lines import LineInput, lines_of_texts, open_lines
from octavo.errors import InputError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "in.txt"


def blocks_of(path: Path) -> list[list[str]]:
    with open_lines(path) as lines:
        return list(lines.blocks())


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
    assert [line for block in blocks_of(file) for line in block] == expected


@pytest.mark.parametrize("read_bytes", [1, 2, 3, 7, 1 << 16])
def test_lines_do_not_depend_on_how_they_arrive(
    file: Path, read_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = ["", "ä", "Bako tire 👩‍👧", "", "x" * 50, "ö\r"] * 20
    file.write_text("".join(f"{line}\n" for line in text), newline="")
    monkeypatch.setattr(module, "READ_BYTES", read_bytes)
    assert [line for block in blocks_of(file) for line in block] == [line.removesuffix("\r") for line in text]


def test_blocks_grow_and_end_where_lines_are_long(file: Path) -> None:
    file.write_bytes(b"Bako\n" * 4000)
    sizes = [len(block) for block in blocks_of(file)]
    assert sizes[:5] == [64, 128, 256, 512, 1024]
    assert (max(sizes), sum(sizes)) == (1024, 4000)
    file.write_bytes((b"x" * 500_000 + b"\n") * 8)
    assert max(sum(map(len, block)) for block in blocks_of(file)) <= 2 * module.MAX_BLOCK_BYTES


def test_bytes_taken_reach_the_size_of_the_file(file: Path) -> None:
    file.write_bytes(b"Bako tire\r\n" * 1000)
    with open_lines(file) as lines:
        taken = [lines.bytes_taken for _ in lines.blocks()]
        assert lines.total_bytes == taken[-1] == 11_000
    assert taken == sorted(set(taken))


def test_a_slow_writer_is_answered_at_once() -> None:
    reader, writer = os.pipe()
    try:
        lines = LineInput("pipe", module._blocks(reader, is_file=False))
        blocks: Iterator[list[str]] = lines.blocks()
        os.write(writer, b"Bako.\nTire.\nSa")
        assert next(blocks) == ["Bako.", "Tire."]
        os.write(writer, b"l.\n")
        assert next(blocks) == ["Sal."]
        os.write(writer, b"Ko")
        os.close(writer)
        assert list(blocks) == [["Ko"]]
    finally:
        os.close(reader)


def test_a_line_that_is_not_utf8_comes_after_those_before(file: Path) -> None:
    file.write_bytes(b"Bako.\n" * 100 + b"caf\xe9\nTire.\n")
    given: list[str] = []
    with open_lines(file) as lines, pytest.raises(InputError, match=r"in\.txt: line 101 is not UTF-8.*0xe9"):
        for block in lines.blocks():
            given += block
    assert given == ["Bako."] * 100


def test_texts_of_the_command_line_may_hold_several_lines() -> None:
    lines = lines_of_texts(["Bako.", "", "Tire.\nSal.\r\nKo."])
    assert [line for block in lines.blocks() for line in block] == ["Bako.", "", "Tire.", "Sal.", "Ko."]
    with pytest.raises(InputError, match="line 2 is not UTF-8"):
        list(lines_of_texts(["Bako.", "caf\udce9"]).blocks())
