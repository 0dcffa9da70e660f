"""What the elements of HTML mean for text: which end a passage, which stay, which attributes are read."""

from __future__ import annotations

from typing import Final


def _names(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


# Elements before and after which a passage ends; all others are inline, those of an author's own as well.
BLOCKS: Final = _names(
    "address applet article aside audio base basefont bgsound blockquote body br button canvas caption",
    "center col colgroup datalist dd details dialog dir div dl dt fieldset figcaption figure footer form",
    "frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html isindex legend li link listing main map",
    "marquee menu meta nav noframes noscript object ol optgroup option p param plaintext pre search section",
    "select source summary table tbody td tfoot th thead title tr track ul video xmp",
)
VOIDS: Final = _names(
    "area base basefont bgsound br col embed frame hr img input link meta param source track wbr",
)
# Text of these stands in a sentence and stays as it is.
KEPT: Final = _names("code kbd samp tt var")
# What is in these is no text to translate. Those that are no blocks stand in a sentence like an image.
SKIPPED: Final = _names(
    "iframe listing math noembed noframes plaintext pre script style svg template textarea xmp",
)
FOREIGN: Final = _names("math svg")
# The start of one of these ends SVG and MathML, unless it is within one of those after them.
ENDS_FOREIGN: Final = _names(
    "b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing",
    "menu meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul var",
)
HTML_WITHIN_FOREIGN: Final = _names("annotation-xml desc foreignobject title")
# In these tags are text, whether the start tag ends with a slash or not.
RAW: Final = _names("iframe noembed noframes plaintext script style textarea title xmp")

# A start tag ends the elements of these names that are open in front of it; each block ends a paragraph.
_CELLS: Final = _names("p td th")
_ROWS: Final = _CELLS | {"tr"}
_SECTIONS: Final = _ROWS | _names("tbody thead tfoot")
_ENDED_BY: Final = {
    "li": _names("p li"),
    "dt": _names("p dd dt"),
    "dd": _names("p dd dt"),
    "td": _CELLS,
    "th": _CELLS,
    "tr": _ROWS,
    "tbody": _SECTIONS,
    "thead": _SECTIONS,
    "tfoot": _SECTIONS,
    "option": _names("option"),
    "optgroup": _names("option optgroup"),
}
_PARAGRAPH: Final = _names("p")

_ATTRIBUTES: Final = _names("alt aria-label placeholder title")
_DESCRIPTIONS: Final = _names("description og:description og:title twitter:description twitter:title")
_BUTTONS: Final = _names("button reset submit")


def ended_by(name: str) -> frozenset[str]:
    """The elements that the start of a block ``name`` ends, where they are open directly in front of it."""
    return _ENDED_BY.get(name, _PARAGRAPH)


def read_attributes(name: str, values: dict[str, str]) -> frozenset[str]:
    """Names of the attributes that a person reads in an element ``name`` with the attributes ``values``."""
    if name == "meta":
        described = values.get("name", values.get("property", "")).lower() in _DESCRIPTIONS
        return frozenset({"content"}) if described else frozenset()
    if name == "input" and values.get("type", "").lower() in _BUTTONS:
        return _ATTRIBUTES | {"value"}
    if name in ("optgroup", "option", "track"):
        return _ATTRIBUTES | {"label"}
    return _ATTRIBUTES


def translates(values: dict[str, str]) -> bool | None:
    """What the attributes say about translating the element's text: yes, no, or nothing (None)."""
    if "notranslate" in values.get("class", "").lower().split():
        return False
    stated = values.get("translate")
    return None if stated is None else stated.lower() != "no"
