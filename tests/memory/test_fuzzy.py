"""Similar sources: the same as a comparison with every one of them finds."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octavo.errors import ArgumentError, OctavoError
from octavo.memory import MemorySession, Origin, TranslationMemory
from octavo.memory.rendering import normalized
from octavo.text.parts import Mark, Side

from .conftest import session_of

SENTENCES = st.lists(
    st.sampled_from(["a", "man", "men", "rides", "ride", "bicycle", "snow,", "7."]), max_size=9
).map(" ".join)


@pytest.fixture
def session(memory: TranslationMemory) -> MemorySession:
    pytest.importorskip("rapidfuzz")
    return session_of(memory)


@settings(max_examples=40, deadline=None)
@given(sources=st.sets(SENTENCES | st.text(max_size=30), max_size=30), query=SENTENCES)
def test_the_index_finds_what_a_full_comparison_finds(
    tmp_path_factory: pytest.TempPathFactory, sources: set[str], query: str
) -> None:
    fuzz = pytest.importorskip("rapidfuzz.fuzz")
    path = tmp_path_factory.mktemp("fuzzy") / "m.db"
    with TranslationMemory.open(path) as memory:
        session = session_of(memory)
        session.add((source, "x") for source in sources)
        found = session.fuzzy(query, threshold=60, limit=5)
    kept = {normalized(source) for source in sources if normalized(source) and source.isprintable()}
    scores = sorted((fuzz.ratio(normalized(query), source) for source in kept), reverse=True)
    assert [hit.score for hit in found] == [score for score in scores if score >= 60][:5]


def test_a_similar_source_is_found_with_its_translation(session: MemorySession) -> None:
    session.add([("A man rides a bicycle.", "Ein Mann fährt Rad."), ("It snows.", "Es schneit.")])
    (hit,) = session.fuzzy("A man rides a red  bicycle.")
    assert (hit.source, hit.target, hit.origin) == (
        "A man rides a bicycle.",
        "Ein Mann fährt Rad.",
        Origin.MACHINE,
    )
    assert hit.score == pytest.approx(100 * (1 - 4 / 48))
    assert session.fuzzy("Something else altogether") == []


def test_what_was_added_later_or_by_another_process_is_found(
    session: MemorySession, memory: TranslationMemory
) -> None:
    session.add([("A man rides.", "1")])
    assert len(session.fuzzy("A man rides!")) == 1
    session.add([("A man rides!", "2"), ("A man rides.", "3")])
    with TranslationMemory.open(memory.path) as other:
        session_of(other).add([("A man rides?", "4")])
        session_of(other, model="n").add([("A man rides,", "never")])
        other.add_imported([("A man rides;", "5")], source_language="en", target_language="de")
    assert {hit.target for hit in session.fuzzy("A man rides:", limit=9)} == {"2", "3", "4", "5"}


def test_marks_do_not_count(session: MemorySession) -> None:
    mark = Mark(Side.PLACE, 1)
    session.add([(("A man", mark, " rides."), (mark, "Ein Mann fährt."))])
    (hit,) = session.fuzzy(("A ", mark, "man rides."))
    assert (hit.score, hit.source, hit.target) == (100.0, "A man rides.", "Ein Mann fährt.")


@pytest.mark.parametrize("threshold", [49.9, 101, float("nan")])
def test_a_threshold_out_of_range_is_refused(session: MemorySession, threshold: float) -> None:
    with pytest.raises(ArgumentError, match="must be a number from 50 to 100"):
        session.fuzzy("a", threshold)


def test_without_rapidfuzz_the_message_says_what_to_install(
    memory: TranslationMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rapidfuzz", None)
    session = session_of(memory)
    session.add([("a", "b")])
    assert session.lookup(["a"])[0] is not None
    with pytest.raises(OctavoError, match=r'pip install "octavo\[memory\]"'):
        session.fuzzy("a")
