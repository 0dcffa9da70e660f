"""SRT and WebVTT: the text of cues, and lines of about the same length."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from benchmarks.document_stand_ins import upper
from hypothesis import given
from hypothesis import strategies as st

from octavo.documents import DocumentError, DocumentOptions
from octavo.documents.spliced_text import SplicedDocument
from octavo.documents.srt import read as read_srt
from octavo.documents.vtt import read as read_vtt
from octavo.text.parts import plain

Read = Callable[[bytes, DocumentOptions], SplicedDocument]
SRT = (
    "1\n00:00:01,000 --> 00:00:02,000\n{\\an8}<i>Hello there, my\nfriend &amp; all</i> <laughs>\n\n"
    "2\n00:00:03,000 --> 00:00:04,000\n- Who?\n- Me <b>too</b>.\n\n3\n00:00:05,000 --> 00:00:06,000\n7 days"
)
VTT = (
    "WEBVTT title\n\nNOTE no\nno\n\nSTYLE\n::cue {}\n\nid\n00:01.000 --> 00:02.000 align:start\n"
    "<v Bob>Hi <c.x>there</c> &amp; you<00:01.500>\n\n00:03.000 --> 00:04.000\n-Right.\n"
)


def texts(read: Read, source: str) -> list[str]:
    return [plain(passage.parts) for passage in read(source.encode(), DocumentOptions()).passages]


def test_passages() -> None:
    assert texts(read_srt, SRT) == ["Hello there, my\nfriend &amp; all <laughs>", "Who?", "Me too.", "7 days"]
    assert texts(read_vtt, VTT) == ["Hi there & you", "Right."]


@pytest.mark.parametrize(("read", "source"), [(read_srt, SRT), (read_vtt, VTT)])
@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_all_else_stays(read: Read, source: str, line_break: str) -> None:
    source = source.replace("\n", line_break)
    document = read(source.encode(), DocumentOptions())
    assert document.write([passage.parts for passage in document.passages]) == source.encode()
    written = document.write([upper(passage.parts) for passage in document.passages]).decode()
    assert len(written.split(line_break)) == len(source.split(line_break))
    assert [line for line in written.split(line_break) if "-->" in line] == [
        line for line in source.split(line_break) if "-->" in line
    ]


def test_a_translation_has_as_many_lines_as_its_source() -> None:
    document = read_srt(b"1\n00:00:01,000 --> 00:00:02,000\na b\nc d\n", DocumentOptions())
    assert (
        document.write([("one two three\n\nfour five six",)])
        .decode()
        .endswith("\none two three\nfour five six\n")
    )
    assert document.write([("one",)]).decode().endswith(",000\none\n")


def test_other_files_are_refused() -> None:
    with pytest.raises(DocumentError, match="no cue"):
        read_srt(b"Hello", DocumentOptions())
    with pytest.raises(DocumentError, match="WEBVTT"):
        read_vtt(b"1\n00:00:01,000 --> 00:00:02,000\na", DocumentOptions())


LINES = st.lists(
    st.sampled_from(
        ["", "1", "00:00:01,000 --> 00:00:02,000", "- a", "<i>b", "c</i>", "NOTE", "{\\an8}d", "-->", "<"]
    )
)


@given(LINES)
def test_any_lines_come_back(lines: list[str]) -> None:
    for read, front in ((read_srt, "00:00:01,000 --> 00:00:02,000\n"), (read_vtt, "WEBVTT\n")):
        source = front + "\n".join(lines)
        document = read(source.encode(), DocumentOptions())
        assert document.write([passage.parts for passage in document.passages]) == source.encode()
        document.write([upper(passage.parts) for passage in document.passages])
