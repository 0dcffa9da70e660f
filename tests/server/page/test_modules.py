"""The modules of the page without the page: cutting texts, terms as files, what a browser keeps."""

from __future__ import annotations

from typing import Any

import pytest

from .driven_page import DrivenPage

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("abc", 3), ("a🚲b", 3), ("e\u0301", 2), ("\ud800", 1), ("👩‍🚒", 3)]
)
def test_characters_are_code_points(page: DrivenPage, text: str, count: int) -> None:
    escaped = text.encode("utf-16-be", "surrogatepass").hex()
    body = "return m.length(String.fromCharCode(...a[0].match(/..../g)?.map((h) => parseInt(h, 16)) ?? []));"
    assert page.module("text.js", body, escaped) == count


def segment(source: tuple[int, int], target: tuple[int, int], origin: str = "model") -> dict[str, Any]:
    places = zip(("source_start", "source_end", "start", "end"), (*source, *target), strict=True)
    return {**dict(places), "origin": origin}


@pytest.mark.parametrize(
    ("source", "target", "segments", "pieces"),
    [
        ("One.", "Eins.", [segment((0, 4), (0, 5))], [("Eins.", "One.")]),
        ("One.", "Eins.", [], [("Eins.", "One.")]),
        (
            "🚲 One.\n- Two! 1\n",
            "🚲🚲 Eins.\n- Zwei! 1\n",
            [segment((0, 6), (0, 8)), segment((9, 13), (11, 16)), segment((14, 15), (17, 18), "copy")],
            [
                ("🚲🚲 Eins.", "🚲 One."),
                ("\n- ", None),
                ("Zwei!", "Two!"),
                (" ", None),
                ("1", None),
                ("\n", None),
            ],
        ),
    ],
)
def test_a_translation_is_cut_at_its_segments(
    page: DrivenPage,
    source: str,
    target: str,
    segments: list[dict[str, Any]],
    pieces: list[tuple[str, str | None]],
) -> None:
    found = page.module("text.js", "return m.pieces(...a);", source, target, segments)
    assert [(piece["text"], piece["source"]) for piece in found] == pieces
    assert "".join(piece["text"] for piece in found) == target


@pytest.mark.parametrize(
    ("count", "text"), [(1, "1 byte"), (999, "999 bytes"), (1536, "1.5 KiB"), (32 << 20, "32 MiB")]
)
def test_sizes_are_readable(page: DrivenPage, count: int, text: str) -> None:
    assert page.module("text.js", "return m.size(a[0]);", count) == text


def test_terms_are_read_as_the_command_reads_them(page: DrivenPage) -> None:
    text = "\ufeffsource\ttarget\r\n# a comment\nbicycle\tRad|Fahrrad\n\nOctavo\n SAP \t SAP \texact\n"
    terms = [
        {"source": "bicycle", "target": "Rad|Fahrrad", "exact": False},
        {"source": "Octavo", "target": "", "exact": False},
        {"source": "SAP", "target": "SAP", "exact": True},
    ]
    assert page.module("tsv.js", "return m.readTerms(a[0]);", text) == terms
    written = page.module("tsv.js", "return m.writeTerms(a[0]);", terms)
    assert written == "source\ttarget\nbicycle\tRad|Fahrrad\nOctavo\t\nSAP\tSAP\texact\n"
    assert page.module("tsv.js", "return m.readTerms(a[0]);", written) == terms


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a\tb\n\tc", "Line 2 has no term. Write it before the tab."),
        ("a\tb\tc", 'Line 1 has more than a term, a translation and "exact".'),
        ("a\tb\texact\td", 'Line 1 has more than a term, a translation and "exact".'),
    ],
)
def test_a_wrong_line_of_terms_is_named(page: DrivenPage, text: str, error: str) -> None:
    assert page.module("tsv.js", "return m.readTerms(a[0]);", text) == f"error: {error}"


def test_a_browser_that_keeps_nothing_does_no_harm(page: DrivenPage) -> None:
    body = """
      localStorage.setItem("octavo.broken", "{");
      const before = [m.remembered("broken", 1), m.remembered("absent", 2), m.remember("kept", [3])];
      Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError"); };
      return [...before, m.remembered("kept", 0), m.remember("kept", [4]), m.remembered("kept", 0)];
    """
    assert page.module("storage.js", body) == [1, 2, True, [3], False, [3]]
