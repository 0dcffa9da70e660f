"""20,000 lines of arbitrary Unicode: as many lines out as in, none cut without a word."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import octavo as package

from .conftest import Octavo

LINES = 20_000
WORDS = ("Bako", "tire", "sal", "munder", "pilo", "quaxi", "zenfu", "gra")
SPACES = " \t\u00a0\u2003\u3000\u200b"
BREAKS = "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
CONTROLS = "".join(map(chr, range(0x0A))) + "\x1b\x7f\x80\x9f\ufeff\u202e\u2066\ufffe\uffff\U0010ffff"
SCRIPTS = (
    (0x05D0, 0x05EA),
    (0x0621, 0x064A),
    (0x0900, 0x0939),
    (0x0300, 0x036F),
    (0x4E00, 0x4E80),
    (0x1F300, 0x1F64F),
    (0xE000, 0xE010),
    (0xFDF0, 0xFDFB),
    (0x20, 0x7E),
)
EMOJI = ("👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "👍🏽", "e\u0301", "\u0915\u094d\u0937")


def words(rng: random.Random) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(1, 9))) + "."


def script(rng: random.Random) -> str:
    low, high = rng.choice(SCRIPTS)
    return "".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 30)))


def mixture(rng: random.Random) -> str:
    parts = [*WORDS, *SPACES, *BREAKS, *CONTROLS, *EMOJI]
    return "".join(rng.choices(parts, k=rng.randint(1, 12)))


def any_characters(rng: random.Random) -> str:
    points = (rng.randrange(0x110000) for _ in range(rng.randint(1, 12)))
    return "".join(chr(p) for p in points if p != 0x0A and not 0xD800 <= p < 0xE000)


def long_line(rng: random.Random) -> str:
    unit = rng.choice([words(rng) + " ", script(rng), "ba", "👍🏽", "\u0301", "\r", " "])
    return (unit * (5000 // len(unit) + 1))[:5000]


KINDS: list[tuple[Callable[[random.Random], str], int]] = [
    (words, 40),
    (script, 20),
    (mixture, 20),
    (any_characters, 10),
    (lambda rng: "", 5),
    (lambda rng: "".join(rng.choices(SPACES + BREAKS, k=5)), 5),
]


def arbitrary_lines() -> list[str]:
    rng = random.Random(20_000)
    kinds = rng.choices([kind for kind, _ in KINDS], [weight for _, weight in KINDS], k=LINES)
    for place in rng.sample(range(LINES), 12):
        kinds[place] = long_line
    return [kind(rng) for kind in kinds]


def breaks(line: str) -> list[str]:
    """The characters of a line that some reader takes for its end."""
    return [character for character in line if len(f"a{character}a".splitlines()) > 1]


def test_every_line_has_its_translation(octavo: Octavo, bytes_model: Path, tmp_path: Path) -> None:
    lines = arbitrary_lines()
    rng = random.Random(1)
    ends = rng.choices(["\n", "\r\n"], k=LINES)
    text = "".join(map("".join, zip(lines, ends, strict=True)))
    assert text.count("\n") == LINES
    (tmp_path / "in.txt").write_bytes(text.encode())

    done = octavo("translate", "-m", bytes_model, "--beam", 1, "-i", "in.txt", "-o", "out.txt")
    assert done.returncode == 0, done.stderr.decode()
    written = (tmp_path / "out.txt").read_bytes().decode()
    found = written.split("\n")
    assert found.pop() == ""
    assert len(found) == LINES
    read = [f"{line}{end}"[:-1].removesuffix("\r") for line, end in zip(lines, ends, strict=True)]
    pairs = list(zip(read, found, strict=True))
    assert all(breaks(out) == breaks(line) for line, out in pairs), "line breaks stay, and none is added"
    assert all(out == line for line, out in pairs if not line.strip())

    checked = [*range(0, LINES, 400), *(i for i, line in enumerate(lines) if len(line) > 4000)]
    with package.load(bytes_model, threads=1) as translator:
        alone = [translator(read[i], beam=1) for i in checked]
    assert [found[i] for i in checked] == [translation.text for translation in alone]
    split = next(re.finditer(r"(\d+) of 20,000 lines had a sentence too long", done.stderr.decode()))
    assert int(split[1]) >= sum(translation.too_long for translation in alone) > 3
