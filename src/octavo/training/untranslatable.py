# ruff: noqa: RUF001 - symbols and other scripts are meant
"""Texts whose translation is themselves: numbers, addresses, code, names, symbols, emoji, other scripts."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from typing import Final

_SYMBOLS: Final = "-–—*=+#•·…|/\\~^_<>()[]{}.,:;!?&@§$€£%°©®™→←↑↓✓✗★"
_EMOJI: Final = "😀😂😉😍🤔😭🙏👍👎👋🎉🔥❤💙⭐🚀✨💡📎📅🏠🚗🍕☕🌍🐱🐶⚠✅❌"
_NAMES: Final = (
    *("Anna", "Ben", "Clara", "David", "Emma", "Felix", "Julia", "Maria", "Peter", "Sarah", "Tom", "Yuki"),
    *("Miller", "Smith", "Schmidt", "Meyer", "Novak", "Rossi", "Garcia", "Kim", "Chen", "Singh", "Dubois"),
    *("Berlin", "Paris", "Chicago", "Madrid", "Oslo", "Tokyo", "Boston", "Toronto", "Hamburg", "Lima"),
    *("Linux", "Python", "GNOME", "Firefox", "Debian", "Wi-Fi", "USB", "HTTP", "JSON", "PDF", "GmbH"),
)
_WORDS: Final = (
    "file",
    "name",
    "user",
    "data",
    "main",
    "test",
    "index",
    "config",
    "value",
    "list",
    "map",
    "log",
)
_DOMAINS: Final = ("example.com", "example.org", "test.net", "mail.example.de", "localhost")
_ENDINGS: Final = ("py", "txt", "html", "json", "png", "tar.gz", "cpp", "conf", "md", "xml")
# First and last code points of letters: Greek, Cyrillic, Hebrew, Arabic, Devanagari, Thai, kana, Han, Hangul.
_SCRIPTS: Final = (
    *((0x3B1, 0x3C9), (0x430, 0x44F), (0x5D0, 0x5EA), (0x628, 0x64A), (0x915, 0x939), (0xE01, 0xE2E)),
    *((0x3042, 0x3093), (0x30A2, 0x30F3), (0x4E00, 0x9FA5), (0x4E00, 0x9FA5), (0xAC00, 0xD7A3)),
)


def untranslatable(draw: random.Random) -> str:
    """One such text."""
    return draw.choice(_KINDS)(draw)


def _digits(draw: random.Random, most: int) -> str:
    return str(draw.randrange(10 ** draw.randint(1, most)))


def _number(draw: random.Random) -> str:
    whole = _digits(draw, 6)
    day = str(draw.randint(1, 31))
    return draw.choice((whole, whole, day, f"{whole}%", f"-{whole}", f"({whole})", f"{whole}.", f"#{whole}"))


def _figures(draw: random.Random) -> str:
    a, b, c = (draw.randint(0, 99) for _ in range(3))
    lists = (f"{a}.{b}.{c}", f"{a}, {b}, {c}", f"{a} {b} {c}")
    return draw.choice((f"{a}:{b:02d}", f"{a}/{b}", f"{a}-{b}", f"{a} x {b}", *lists))


def _address(draw: random.Random) -> str:
    word, domain = draw.choice(_WORDS), draw.choice(_DOMAINS)
    forms = (
        *(f"https://{domain}/{word}/{_digits(draw, 4)}", f"http://www.{domain}", f"{word}@{domain}"),
        *(
            f"/usr/{word}/{draw.choice(_WORDS)}.{draw.choice(_ENDINGS)}",
            f"~/{word}",
            f"C:\\{word}\\log.txt",
        ),
    )
    return draw.choice(forms)


def _code(draw: random.Random) -> str:
    a, b = draw.choice(_WORDS), draw.choice(_WORDS)
    key = "".join(draw.choices(string.hexdigits, k=draw.randint(4, 12)))
    forms = (
        *(f"{a}_{b}", f"{a}.{b}()", f"{a}{b.title()}", f"--{a}-{b}", f"{a}[{_digits(draw, 2)}]", f"<{a}>"),
        *(
            f"{a} = {b}",
            f"${{{a}}}",
            f"%{{{b}}}",
            f"0x{key}",
            key,
            f"{a}.{draw.choice(_ENDINGS)}",
            f"{a}::{b}",
        ),
    )
    return draw.choice(forms)


def _name(draw: random.Random) -> str:
    return " ".join(draw.choices(_NAMES, k=draw.randint(1, 3)))


def _symbols(draw: random.Random) -> str:
    symbol = draw.choice(_SYMBOLS)
    return draw.choice((symbol, symbol * draw.randint(2, 12), "".join(draw.choices(_SYMBOLS, k=3))))


def _emoji(draw: random.Random) -> str:
    return "".join(draw.choices(_EMOJI, k=draw.randint(1, 3)))


def _other_script(draw: random.Random) -> str:
    first, last = draw.choice(_SCRIPTS)
    words = range(draw.randint(1, 3))
    return " ".join("".join(chr(draw.randint(first, last)) for _ in range(draw.randint(1, 6))) for _ in words)


def _letters(draw: random.Random) -> str:
    letters = draw.choice((string.ascii_uppercase, string.ascii_lowercase))
    return "".join(draw.choices(letters, k=draw.randint(1, 3)))


_KINDS: Final[tuple[Callable[[random.Random], str], ...]] = (
    *(_number, _number, _figures, _address, _code, _name, _name, _symbols, _emoji, _other_script, _letters),
)
