"""Text with elements in it, as HTML and OpenDocument store it: formatting is an element around words."""

from __future__ import annotations

import dataclasses
import enum
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

from octavo.documents.inline import InlineBuilder, InlineText
from octavo.documents.xml_source import Element, Node, Remark, Text, XmlSource, escaped, escaped_attribute


class Role(enum.Enum):
    """What an element is to the text that it stands in."""

    BLOCK = enum.auto()
    """Its text is apart from that around it."""
    INLINE = enum.auto()
    """It marks words of the text around it."""
    UNSEEN = enum.auto()
    """As if it were not there: its text is text around it, and it is left out of a translation."""
    KEPT = enum.auto()
    """Its text is read with that around it and stays as it is."""
    PLACE = enum.auto()
    """It stands in the text and may hold blocks with text of their own."""
    STAYS = enum.auto()
    """As a place, and nothing in it is translated."""
    BREAK = enum.auto()
    """It ends a passage, and so does each element around it that is not a block."""


@dataclasses.dataclass
class Flow:
    """Finds the passages of a source by the roles of its elements.

    ``where`` names the place of an element for a person; ``wrapped`` says whether a line break in it is a
    space. ``read`` is what a text of the source reads as, and ``markup`` writes a text. ``pairs`` finds among
    neighbours the elements that begin and end something together, well nested. Inline elements beside each
    other that have the same ``look`` are one; "" is none.
    """

    source: XmlSource
    role: Callable[[Element], Role]
    where: Callable[[Element], str]
    wrapped: Callable[[Element], bool] = lambda _: True
    read: Callable[[str], str] = str
    markup: Callable[[str], str] = escaped
    pairs: Callable[[Sequence[Element]], Mapping[Element, Element]] = lambda _: {}
    look: Callable[[Element], str] = lambda _: ""

    def __post_init__(self) -> None:
        self._divided: dict[int, bool] = {}

    def blocks(self, element: Element) -> Iterator[InlineText]:
        """The passages in the blocks inside an element, which has no text of its own."""
        for child in element.elements():
            role = self.role(child)
            if role is Role.BLOCK:
                yield from self.passages(child)
            elif role is not Role.STAYS:
                yield from self.blocks(child)

    def passages(self, block: Element) -> Iterator[InlineText]:
        """The passages of a block and of those inside it."""
        waiting: list[Node] = []
        for node in block.children:
            if not isinstance(node, Element) or not self._divides(node):
                waiting.append(node)
                continue
            yield from self.passage(waiting, block)
            waiting = []
            if self.role(node) is not Role.BREAK:
                yield from self.passages(node)
        yield from self.passage(waiting, block)

    def passage(self, nodes: Sequence[Node], block: Element) -> Iterator[InlineText]:
        """The passage that nodes beside each other are, and those of the blocks in their places."""
        if not nodes:
            return
        builder = InlineBuilder(lambda text: (self.source.encode(self.markup(text)),))
        places: list[Element] = []
        self._add(nodes, builder, places)
        span = (nodes[0].start, nodes[-1].end)
        if text := builder.finish(span, self.where(block), wrapped=self.wrapped(block)):
            yield text
        for place in places:
            yield from self.blocks(place)

    def _divides(self, element: Element) -> bool:
        """Whether an element ends the passage in front of it, being or holding a block or a break."""
        known = self._divided.get(id(element))
        if known is None:
            role = self.role(element)
            known = role in (Role.BLOCK, Role.BREAK)
            if role in (Role.INLINE, Role.UNSEEN):
                known = any(self._divides(child) for child in element.elements())
            self._divided[id(element)] = known
        return known

    def _add(self, nodes: Sequence[Node], builder: InlineBuilder, places: list[Element]) -> None:
        pairs = self.pairs([node for node in nodes if isinstance(node, Element)])
        marks: dict[Element, int] = {}  # of pairs that are open, by the element that closes them
        for node, *others in self._grouped(nodes):
            if isinstance(node, Text):
                builder.text(self.read(node.value))
            elif isinstance(node, Remark):
                builder.place((node.start, node.end))
            elif node in pairs:
                marks[pairs[node]] = builder.open((node.start, node.end))
            elif node in marks:
                builder.close(marks[node], (node.start, node.end))
            elif self.role(node) is Role.INLINE:
                elements = [node, *(other for other in others if isinstance(other, Element))]
                mark = builder.open((node.start, node.content))
                for element in elements:
                    self._add(element.children, builder, places)
                builder.close(mark, (elements[-1].content_end, elements[-1].end))
            else:
                self._add_element(node, builder, places)

    def _grouped(self, nodes: Sequence[Node]) -> Iterator[list[Node]]:
        """The nodes one by one, those that are one together."""

        def key(node: Node) -> object:
            if isinstance(node, Element) and node.content_end < node.end:  # an empty one has no end tag
                return self.look(node) or node
            return node

        return (list(group) for _, group in itertools.groupby(nodes, key))

    def _add_element(self, element: Element, builder: InlineBuilder, places: list[Element]) -> None:
        role, span = self.role(element), (element.start, element.end)
        if role is Role.UNSEEN:
            self._add(element.children, builder, places)
        elif role is Role.KEPT:
            builder.kept(self.read(element.text()), span)
        else:
            builder.place(span)
            if role is Role.PLACE:
                places.append(element)


def attribute_text(source: XmlSource, element: Element, name: str, where: str) -> InlineText | None:
    """The value of an attribute as a passage, by its name as it is written."""
    place = source.attribute(element, name)
    if place is None:
        return None
    builder = InlineBuilder(lambda text: (source.encode(escaped_attribute(text)),))
    builder.text(source.value(place))
    return builder.finish(place, where, wrapped=True)
