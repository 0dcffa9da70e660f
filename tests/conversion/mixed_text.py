# ruff: noqa: RUF001 - the letters of other scripts are meant
"""Lines of mixed Unicode, the same ones every time: scripts, spaces, marks, ligatures, emoji."""

from __future__ import annotations

import random
from collections.abc import Sequence

WORDS = (
    *("A", "man", "rides", "bicycles", "in", "the", "rain,", "don't", "—", "“quoted”", "e.g.", "3.14", "№5"),
    *("Über", "naïve", "Straße", "cafe\u0301", "ﬁsh", "①②", "½", "ｆｕｌｌ", "ＡＢ", "ß", "İstanbul"),
    *(
        "Привет,",
        "мир!",
        "Київ",
        "Ελλάδα",
        "שלום",
        "مرحبا",
        "بالعالم",
        "नमस्ते",
        "ไทย",
        "日本語",
        "字",
        "한국어",
        "中文。",
    ),
    *(
        "🚲",
        "👩‍🚀",
        "🇩🇪",
        "a\u0300\u0301\u0302",
        "\u200bzero",
        "soft\u00adhyphen",
        "▁",
        "▁a",
        "x▁y",
        "\ufeff",
    ),
    *("https://a.b/c?d=e", "foo@bar.org", "C:\\dir", "<b>bold</b>", "{x}", "&amp;", "a_b", "100%", "$5", "…"),
)
SPACES = (" ", " ", " ", "  ", "\u00a0", "\u3000", "\t", "\u2009", "")


def mixed_lines(count: int, *, inside: Sequence[str] = (), seed: int = 0) -> list[str]:
    """``count`` lines; each of ``inside`` stands in some of them, with and without spaces around it."""
    rng = random.Random(seed)
    lines = []
    for _ in range(count):
        parts = []
        for _ in range(rng.randrange(1, 12)):
            word = rng.choice(inside) if inside and rng.random() < 0.15 else rng.choice(WORDS)
            parts += [word, rng.choice(SPACES)]
        lines.append("".join(parts))
    return lines
