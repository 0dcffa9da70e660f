"""What must not be translated is found, ordinary prose is not, and any text takes linear time."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from octavo.text.protected import Kind, protected_spans

LINES = Path(__file__).with_name("protected.txt").read_text(encoding="utf-8").splitlines()
CASES = [line.replace("\\n", "\n") for line in LINES if not line.startswith("# ")]
PIECES = [
    "%",
    "s",
    "1$",
    "{",
    "}",
    "plural,",
    "n,",
    " one",
    "#",
    "<",
    "a",
    ">",
    '="',
    "`",
    "--",
    "/",
    ".",
    "@",
    "&",
    ";",
]


@pytest.mark.parametrize("marked", CASES)
def test_what_is_protected(marked: str) -> None:
    text = re.sub("[⟦⟧]", "", marked)
    shown, at = "", 0
    for span in protected_spans(text):
        shown += f"{text[at : span.start]}⟦{text[span.start : span.end]}⟧"
        at = span.end
    assert shown + text[at:] == marked


@settings(deadline=None, max_examples=300)
@given(
    text=st.one_of(st.text(st.characters(categories=None)), st.lists(st.sampled_from(PIECES)).map("".join))
)
@example(text="{a,plural,one{{b,select,x{#}}}")
def test_spans_ascend_and_lie_in_the_text(text: str) -> None:
    spans = protected_spans(text)
    ends = [0, *(end for span in spans for end in (span.start, span.end)), len(text)]
    assert ends == sorted(ends)
    assert all(span.start < span.end for span in spans)


def test_kinds() -> None:
    text = "%s <b> a@b.org `x` 😀"
    assert [span.kind for span in protected_spans(text)] == list(Kind)


@pytest.mark.parametrize(
    "unit",
    [
        *(
            "%",
            "{",
            "{{",
            "<",
            "<a b='",
            "<!--",
            "`",
            "``a",
            "--",
            "--a=",
            "/",
            "/a",
            "a/",
            "a.",
            "a@",
            "&",
            "&a",
            "$",
        ),
        *(
            "a_",
            "A_B",
            "_",
            "%(",
            "%a",
            "{a,plural,one{",
            "{a,select,",
            "{ ",
            "}",
            "#",
            "http://",
            "www.",
            "a.b@",
            "😀",
        ),
        *(
            "😀\u200d",
            "🇩",
            "1\u20e3",
            "C:\\",
            "\\a ",
            "<a b=c ",
            "{a.",
            "a()",
            "(",
            '"',
            "a",
            " ",
            "-",
            "~/",
            "x.tx",
        ),
    ],
)
def test_time_grows_with_length_alone(unit: str) -> None:
    """50,000 characters, whatever they are, take well under the minutes that a square would."""
    text = (unit * 50_000)[:50_000]
    start = time.process_time()
    protected_spans(text)
    assert time.process_time() - start < 10
