"""Passages and their markup: marks that move stay well nested, and what is around a passage stays there."""

from __future__ import annotations

import collections
import random

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.documents.archives import shown

from octavo.documents.byte_edits import Edit, Piece, spliced
from octavo.documents.inline import InlineBuilder
from octavo.documents.xml_source import Element, XmlSource, escaped, parse
from octavo.text.parts import Mark, Part, Side


def build(source: XmlSource, element: Element, builder: InlineBuilder) -> None:
    for child in element.children:
        if isinstance(child, Element):
            mark = builder.open((child.start, child.content))
            build(source, child, builder)
            builder.close(mark, (child.content_end, child.end))
        else:
            builder.text(source.data[child.start : child.end].decode())


@st.composite
def markup(draw: st.DrawFn, depth: int = 0) -> str:
    parts = []
    for _ in range(draw(st.integers(0, 4))):
        if depth < 4 and draw(st.booleans()):
            name = draw(st.sampled_from(["b", "i", "u"]))
            parts.append(f"<{name}>{draw(markup(depth + 1))}</{name}>")
        else:
            parts.append(draw(st.sampled_from([" ", "word ", " two words", "x", "ä", "<br/>"])))
    return "".join(parts)


def moved(parts: tuple[Part, ...], chance: random.Random) -> tuple[Part, ...]:
    """Words of a translation, with each mark somewhere, well nested."""
    found: list[Part] = [f"W{number} " for number in range(chance.randint(0, 8))]
    for part in parts:
        if isinstance(part, Mark) and part.side is Side.PLACE:
            found.insert(chance.randint(0, len(found)), part)
        elif isinstance(part, Mark) and part.side is Side.OPEN:
            start = chance.randint(0, len(found))
            ends, depth = [start], 0
            for index in range(start, len(found)):
                other = found[index]
                if isinstance(other, Mark):
                    depth += {Side.OPEN: 1, Side.CLOSE: -1, Side.PLACE: 0}[other.side]
                if depth < 0:
                    break
                if depth == 0:
                    ends.append(index + 1)
            found.insert(chance.choice(ends), Mark(Side.CLOSE, part.id))
            found.insert(start, part)
    return tuple(found)


@settings(max_examples=150, deadline=None)
@given(markup(), st.randoms(use_true_random=False))
def test_moved_marks_give_well_formed_markup(text: str, chance: random.Random) -> None:
    source = parse(f"<p>{text}</p>".encode(), {})
    builder = InlineBuilder(lambda words: (escaped(words).encode(),))
    build(source, source.root, builder)
    inline = builder.finish((source.root.content, source.root.content_end), "here")
    if inline is None:
        assert not source.root.text().strip() or "W" not in source.root.text()
        return
    same = spliced(source.data, [Edit(*inline.span, inline.markup(inline.passage.parts))])
    assert same == source.data
    translation = moved(inline.passage.parts, chance)
    new = parse(spliced(source.data, [Edit(*inline.span, inline.markup(translation))]), {})
    names = [collections.Counter(e.name for e in tree.root.descendants()) for tree in (source, new)]
    assert names[0] == names[1]
    outside = "".join(part for part in (*inline.head, *inline.tail) if isinstance(part, str))
    words = "".join(part for part in translation if isinstance(part, str))
    assert len(new.root.text()) == len(outside) + len(words)


def passage(markup: str) -> str:
    source = parse(f"<p>{markup}</p>".encode(), {})
    builder = InlineBuilder(lambda words: (words.encode(),))
    build(source, source.root, builder)
    inline = builder.finish((source.root.content, source.root.content_end), "here")
    return "" if inline is None else shown(inline.passage.parts)


def test_marks_and_spaces_at_the_ends_are_outside() -> None:
    assert passage(" <i/> <b> <u>A man</u></b> \n") == "A man"
    assert passage("<b>A</b> man <i/>") == "[1]A[/1] man"
    assert passage("<b>A<i/></b>") == "A"
    assert passage("<b><i/><u/></b> A <b> <u/></b>") == "A [4] [5.][/4]"
    assert passage(" <b> </b> ") == ""


def test_edits_inside_what_is_carried_over_are_made() -> None:
    source = b"abcdefghij"
    outer: tuple[Piece, ...] = ((4, 7), b"X", (1, 3))
    inner = [Edit(5, 6, (b"5",)), Edit(1, 2, (b"1",)), Edit(7, 7, (b"+",))]
    assert spliced(source, [Edit(1, 8, outer), *inner[:2], Edit(9, 9, (b"!",))]) == b"ae5gX1ci!j"
    assert spliced(source, inner) == b"a1cde5g+hij"
