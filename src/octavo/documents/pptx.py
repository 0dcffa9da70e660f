"""PPTX: the paragraphs of slides in their order, with their notes, charts and diagrams.

Layouts and masters stay: their text is what an empty placeholder says to the author.
"""

from __future__ import annotations

from collections.abc import Iterator

from octavo.documents.document import DocumentOptions
from octavo.documents.drawing import DRAWINGS, drawing_texts
from octavo.documents.office import Package, open_package
from octavo.documents.placed import PlacedMembers

_MAIN = (
    "presentation.main",
    "slideshow.main",
    "template.main",
    "powerpoint.presentation.macroEnabled.main",
    "powerpoint.slideshow.macroEnabled.main",
)


def read(data: bytes, options: DocumentOptions) -> PlacedMembers:
    """The passages of a PPTX document."""
    package = open_package(data, _MAIN, "a PPTX document")
    places = dict(_places(package))
    members = {name: drawing_texts(package.parse(name), where, options) for name, where in places.items()}
    return PlacedMembers(package.archive, members)


def _places(package: Package) -> Iterator[tuple[str, str]]:
    """The parts with text and what they are for a person, slide by slide."""
    main = package.of_kind(*_MAIN)[0]
    related = package.related(main)
    slides = (entry.attributes.get("r:id", "") for entry in package.parse(main).root.descendants("p:sldId"))
    for number, slide in enumerate((related.get(entry, "") for entry in slides), 1):
        if package.kinds.get(slide) != "slide":
            continue
        yield slide, f"slide {number}"
        for name in package.related(slide).values():
            kind = package.kinds.get(name, "")
            if kind == "notesSlide":
                yield name, f"notes of slide {number}"
            elif kind in DRAWINGS:
                yield name, f"{DRAWINGS[kind]} of slide {number}"
