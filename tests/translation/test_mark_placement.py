"""Marks in a translation: each exactly once, well nested, at the words that it stood at."""

from __future__ import annotations

import collections
import itertools
import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octavo.text.parts import Kept, Mark, Part, Side, plain
from octavo.translation.mark_placement import Link, place_marks


def parts_of(text: str) -> tuple[Part, ...]:
    """`<1>` opens element 1, `</1>` closes it, `<1/>` is one that holds nothing, `{1:code}` is kept."""
    found: list[Part] = []
    for token in re.findall(r"</?\d+/?>|\{\d+:[^}]*\}|[^<{]+", text):
        if token.startswith("{"):
            number, _, kept = token[1:-1].partition(":")
            found.append(Kept(kept, int(number)))
        elif token.startswith("<"):
            side = Side.CLOSE if token[1] == "/" else Side.PLACE if token[-2] == "/" else Side.OPEN
            found.append(Mark(side, int(re.sub(r"\D", "", token))))
        else:
            found.append(token)
    return tuple(found)


def written(parts: Sequence[Part]) -> str:
    def one(part: Part) -> str:
        if isinstance(part, Kept):
            return f"{{{part.id}:{part.text}}}"
        if isinstance(part, Mark):
            return {Side.OPEN: "<{}>", Side.CLOSE: "</{}>", Side.PLACE: "<{}/>"}[part.side].format(part.id)
        return part

    return "".join(map(one, parts))


def linked(source: str, target: str, alignment: Sequence[int]) -> list[Link]:
    """``alignment[j]``: the word of the source that word j of the target was made from."""
    words = [[match.span() for match in re.finditer(r"\w+|[^\w\s]", text)] for text in (source, target)]
    return [Link(*words[0][i], *words[1][j]) for j, i in enumerate(alignment)]


@pytest.mark.parametrize(
    ("source", "target", "alignment", "expected"),
    [
        pytest.param(
            "A <1>red</1> bike.", "Ein rotes Rad.", [0, 1, 2, 3], "Ein <1>rotes</1> Rad.", id="word"
        ),
        pytest.param(
            "the <1>old man</1> sleeps",
            "es schläft der alte Mann",
            [3, 3, 0, 1, 2],
            "es schläft der <1>alte Mann</1>",
            id="moved",
        ),
        pytest.param(
            "he <1>has seen</1> it", "er hat es gesehen", [0, 1, 3, 2], "er hat es <1>gesehen</1>", id="apart"
        ),
        pytest.param(
            "<1>red <2>big</2> cars</1> go",
            "es fahren große rote Autos",
            [3, 3, 1, 0, 2],
            "es fahren <1><2>große</2> rote Autos</1>",
            id="nested",
        ),
        pytest.param("a note<1/> here", "hier eine Notiz", [2, 0, 1], "hier eine Notiz<1/>", id="footnote"),
        pytest.param("an <1/> icon", "ein Symbol", [0, 1], "ein <1/>Symbol", id="image"),
        pytest.param("of that</1> good", "davon gut", [1, 2], "davon</1> gut", id="began before"),
        pytest.param("we <1>go on", "weiter geht es", [2, 1, 0], "<1>weiter geht es", id="goes on"),
        pytest.param("see {7:x} now", "jetzt x sehen", [], "jetzt {7:x} sehen", id="kept"),
        pytest.param("<1>ab</1>cd", "xy", [0], "<1>xy</1>", id="part of a word"),
        pytest.param("a <1>b</1>", "", [], "<1></1>", id="nothing left"),
    ],
)
def test_marks_follow_their_words(source: str, target: str, alignment: list[int], expected: str) -> None:
    parts = parts_of(source)
    kept = {part.id: target.index(part.text) for part in parts if isinstance(part, Kept)}
    found = place_marks(parts, target, linked(plain(parts), target, alignment), kept)
    assert written(found) == expected


def test_no_mark_comes_into_a_placeholder() -> None:
    source = ("Buy ", Mark(Side.OPEN, 1), "ten", Mark(Side.CLOSE, 1), " %s")
    links = [Link(0, 3, 0, 5), Link(4, 7, 7, 8), Link(8, 10, 6, 7)]  # "ten" is aligned with the s of %s
    found = place_marks(source, "Kaufe %s", links, {}, [(6, 8)])
    assert written(found) in ("Kaufe <1>%s</1>", "Kaufe <1></1>%s", "<1>Kaufe</1> %s")
    assert "%s" not in written(place_marks(source, "Kaufe %s", links, {}))


def test_what_did_not_change_keeps_its_marks_where_they_are() -> None:
    parts = parts_of("a <1> b</1>c<2/>")
    assert place_marks(parts, plain(parts), [], {}) == parts


words = st.text("ab .,\u00e4", min_size=1, max_size=6)


@st.composite
def segments(draw: st.DrawFn) -> tuple[Part, ...]:
    """Well nested parts, of which some at either end may be missing."""
    ids = itertools.count()

    def some(depth: int) -> list[Part]:
        parts: list[Part] = []
        for _ in range(draw(st.integers(0, 3))):
            kind = draw(st.sampled_from(["text", "text", "place", "pair", "kept"]))
            if kind == "text" or (kind == "pair" and depth == 0):
                parts.append(draw(words))
            elif kind == "place":
                parts.append(Mark(Side.PLACE, next(ids)))
            elif kind == "kept":
                name = next(ids)
                parts.append(Kept(f"%{name}x", name))
            else:
                name = next(ids)
                parts += [Mark(Side.OPEN, name), *some(depth - 1), Mark(Side.CLOSE, name)]
        return parts

    parts = some(3)
    first = draw(st.integers(0, len(parts)))
    last = draw(st.integers(first, len(parts)))
    return tuple(parts[first:last])


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_every_mark_once_well_nested_and_the_text_as_it_is(data: st.DataObject) -> None:
    source = data.draw(segments())
    kept = [part for part in source if isinstance(part, Kept)]
    order = data.draw(st.permutations(kept))
    target, starts = "", {}
    for part in order:
        target += data.draw(words)
        starts[part.id] = len(target)
        target += part.text
    target += data.draw(st.one_of(st.just(""), words))
    length = len(plain(source))
    spans = st.tuples(st.integers(0, max(0, length - 1)), st.integers(0, 3))
    places = st.tuples(st.integers(0, len(target)), st.integers(0, 3))
    links = [
        Link(s, min(length, s + n), t, min(len(target), t + m))
        for (s, n), (t, m) in data.draw(st.lists(st.tuples(spans, places), max_size=6))
    ]
    found = place_marks(source, target, links, starts)
    assert plain(found) == target
    assert [part for part in found if isinstance(part, Kept)] == list(order) or target == plain(source)
    marks = [part for part in found if isinstance(part, Mark)]
    assert collections.Counter(marks) == collections.Counter(p for p in source if isinstance(p, Mark))
    open_ids: list[int] = []
    closed_before = {p.id for p in source if isinstance(p, Mark) and p.side is Side.CLOSE} - {
        p.id for p in source if isinstance(p, Mark) and p.side is Side.OPEN
    }
    for mark in marks:
        if mark.side is Side.OPEN:
            open_ids.append(mark.id)
        elif mark.side is Side.CLOSE and mark.id in closed_before:
            assert not open_ids, "an element that began before holds all so far"
        elif mark.side is Side.CLOSE:
            assert open_ids.pop() == mark.id
