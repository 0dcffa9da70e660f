"""Passages with marks and kept texts, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from octavo.text.parts import Kept, Mark, Part, Side

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@st.composite
def passages(draw: st.DrawFn, texts: st.SearchStrategy[str] = TEXTS, depth: int = 2) -> tuple[Part, ...]:
    """Well nested parts; no two elements have one id, and no two texts stand side by side."""
    ids = iter(draw(st.permutations(range(40))))

    def inside(levels: int) -> list[Part]:
        parts: list[Part] = []
        for kind in draw(st.lists(st.sampled_from("tkpe"), max_size=3)):
            if kind == "t":
                parts.append(draw(texts))
            elif kind == "k":
                parts.append(Kept(draw(texts), next(ids)))
            elif kind == "p":
                parts.append(Mark(Side.PLACE, next(ids)))
            elif levels:
                number = next(ids)
                parts += [Mark(Side.OPEN, number), *inside(levels - 1), Mark(Side.CLOSE, number)]
        return parts

    return joined(inside(depth))


def joined(parts: list[Part]) -> tuple[Part, ...]:
    """The parts, with texts that stand side by side in one and empty ones left out."""
    found: list[Part] = []
    for part in parts:
        if isinstance(part, str) and found and isinstance(found[-1], str):
            found[-1] += part
        elif part != "":
            found.append(part)
    return tuple(found)
