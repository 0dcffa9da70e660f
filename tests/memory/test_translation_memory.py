"""What a memory keeps, and for whom."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings

from octavo.errors import ArgumentError
from octavo.memory import Holding, MemorySession, Origin, TranslationMemory
from octavo.text.parts import Kept, Mark, Part, Side

from .conftest import session_of
from .passages import passages


def texts(session: MemorySession, *sources: str) -> list[str | None]:
    return [hit and hit.text for hit in session.lookup(sources)]


def test_what_was_added_is_found_again(memory: TranslationMemory) -> None:
    session = session_of(memory)
    session.add([("A man.", "Ein Mann."), ("Two  men.\n", "Zwei Männer.")])
    assert texts(session, "Two men.", "a man.", "A man.") == ["Zwei Männer.", None, "Ein Mann."]
    assert session.lookup([]) == []


def test_it_is_in_the_file(memory: TranslationMemory) -> None:
    session_of(memory).add([("A man.", "Ein Mann.")])
    with TranslationMemory.open(memory.path) as again:
        assert texts(session_of(again), "A man.") == ["Ein Mann."]


@pytest.mark.parametrize(
    "other", [{"model": "n"}, {"options": "p"}, {"languages": ("en", "fr")}, {"languages": ("fr", "de")}]
)
def test_another_model_options_or_languages_do_not_see_it(
    memory: TranslationMemory, other: dict[str, str]
) -> None:
    session_of(memory).add([("A man.", "Ein Mann.")])
    assert texts(session_of(memory, **other), "A man.") == [None]


def test_the_last_translation_is_kept(memory: TranslationMemory) -> None:
    session = session_of(memory)
    session.add([("a", "b"), ("a", "c")])
    session.add([("a", "d"), ("x", "y")])
    assert texts(session, "a", "x") == ["d", "y"]
    assert [holding.entries for holding in memory.holdings()] == [2]


def test_imported_translations_go_first_and_serve_every_model(memory: TranslationMemory) -> None:
    session_of(memory).add([("a", "machine"), ("b", "machine")])
    done = memory.add_imported([("a", "person")], source_language="en", target_language="de")
    assert done == (1, 0)
    assert texts(session_of(memory), "a", "b") == ["person", "machine"]
    hit = session_of(memory, model="other").lookup(["a"])[0]
    assert hit is not None and hit.origin is Origin.IMPORTED
    assert memory.add_imported([("a", "c"), ("d", "e")], source_language="en", target_language="de") == (1, 1)
    assert texts(session_of(memory), "a") == ["c"]


def test_a_language_is_asked_for_with_all_its_countries(memory: TranslationMemory) -> None:
    memory.add_imported(
        [("a", "Austria"), ("b", "Austria")], source_language="en-GB", target_language="de_AT"
    )
    memory.add_imported([("a", "all")], source_language="EN", target_language="de")
    assert texts(session_of(memory), "a", "b") == ["all", "Austria"]
    assert texts(session_of(memory, languages=("en-gb", "de-AT")), "a") == ["Austria"]
    assert texts(session_of(memory, languages=("en", "den")), "a") == [None]


def test_blank_texts_and_half_characters_are_left_out(memory: TranslationMemory) -> None:
    session = session_of(memory)
    session.add([(" ", "x"), ("x", " "), ("\ud800", "x"), ("y", "\udfff"), ("nul\0", "nul\0!")])
    assert texts(session, " ", "x", "\ud800", "y", "nul\0") == [None, None, None, None, "nul\0!"]


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MemorySession]:
    with TranslationMemory.open(tmp_path_factory.mktemp("crowded") / "m.db") as opened:
        yield session_of(opened)


@settings(max_examples=60, deadline=None)
@given(parts=passages())
def test_passages_come_back_with_the_ids_of_whoever_asks(
    crowded: MemorySession, parts: tuple[Part, ...]
) -> None:
    translation = tuple(f"{part}!" if isinstance(part, str) else part for part in parts)
    crowded.add([(parts, translation)])
    (hit,) = crowded.lookup([parts])
    blank = all(isinstance(part, str) and not part.strip() for part in parts)
    assert hit is None if blank else hit is not None and hit.target == translation


def test_marks_and_kept_texts_are_part_of_a_source(memory: TranslationMemory) -> None:
    session = session_of(memory)

    def link(number: int, code: str) -> tuple[Part, ...]:
        return (Mark(Side.OPEN, number), "Here", Mark(Side.CLOSE, number), " is ", Kept(code, number + 1))

    session.add([(link(1, "x"), (Kept("x", 2), " ist ", Mark(Side.OPEN, 1), "hier", Mark(Side.CLOSE, 1)))])
    hit, *others = session.lookup([link(5, "x"), link(5, "y"), "Here is x", link(5, "x")[2:]])
    assert hit is not None
    assert hit.text == "x ist hier"
    assert hit.target == (Kept("x", 6), " ist ", Mark(Side.OPEN, 5), "hier", Mark(Side.CLOSE, 5))
    assert others == [None, None, None]


def test_a_translation_without_its_marks_is_refused(memory: TranslationMemory) -> None:
    session = session_of(memory)
    with pytest.raises(ArgumentError, match=r"elements \[\] and its source \[4\].*: A man"):
        session.add([("x", "y"), (("A man", Mark(Side.PLACE, 4)), "Ein Mann")])
    assert memory.holdings() == []


def test_it_says_what_it_holds(memory: TranslationMemory) -> None:
    session_of(memory).add([("a", "b"), ("c", "d")])
    session_of(memory, languages=("en", "fr")).add([("a", "b")])
    memory.add_imported([("a", "b")], source_language="en", target_language="de")
    assert memory.holdings() == [
        Holding(Origin.IMPORTED, "en", "de", "", "", 1),
        Holding(Origin.MACHINE, "en", "de", "m", "o", 2),
        Holding(Origin.MACHINE, "en", "fr", "m", "o", 1),
    ]
    entries = list(memory.entries(source_language="en", target_language="de"))
    assert [(entry.source, entry.origin, entry.model) for entry in entries] == [
        ("a", Origin.IMPORTED, ""),
        ("a", Origin.MACHINE, "m"),
        ("c", Origin.MACHINE, "m"),
    ]


def test_a_pickled_memory_opens_the_file_again(memory: TranslationMemory) -> None:
    session_of(memory).add([("a", "b")])
    with pickle.loads(pickle.dumps(memory)) as again:
        assert texts(session_of(again), "a") == ["b"]


def test_a_closed_memory_says_so(memory: TranslationMemory) -> None:
    memory.close()
    memory.close()
    with pytest.raises(ValueError, match=r"m\.db: the translation memory is closed"):
        memory.holdings()


def test_what_another_program_wrote_without_its_marks_is_no_hit(memory: TranslationMemory) -> None:
    source = ("A man", Mark(Side.PLACE, 4))
    session_of(memory).add([(source, (Mark(Side.PLACE, 4), "Ein Mann"))])
    with memory.connection() as connection:
        connection.execute("UPDATE entry SET target = 'Ein Mann'")
    assert session_of(memory).lookup([source]) == [None]


def test_threads_share_a_memory(memory: TranslationMemory) -> None:
    session = session_of(memory)

    def work(name: str) -> list[str | None]:
        for row in range(20):
            session.add([(f"{name} {row}", name)])
        return texts(session, *(f"{name} {row}" for row in range(20)))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, "abcd")) == [[name] * 20 for name in "abcd"]


def add_from_another_process(memory: TranslationMemory, name: str, start: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    session = session_of(memory)
    for block in range(20):
        session.add((f"{name} {block} {row}", name) for row in range(50))
        assert session.lookup([f"{name} {block} 49"])[0] is not None


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_two_processes_share_a_file(memory: TranslationMemory, method: str) -> None:
    context = multiprocessing.get_context(method)
    start = context.Event()
    workers = [
        context.Process(target=add_from_another_process, args=(memory, name, start)) for name in ("a", "b")
    ]
    for worker in workers:
        worker.start()
    start.set()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert [holding.entries for holding in memory.holdings()] == [2000]


FORKED = """
import os, signal, sys, threading
from pathlib import Path
from octavo.memory import TranslationMemory
memory = TranslationMemory.open(sys.argv[1])
held, forked = threading.Event(), threading.Event()
def hold():
    with memory.connection():
        held.set()
        forked.wait()
threading.Thread(target=hold).start()
held.wait()
child = os.fork()
if child == 0:
    signal.alarm(20)
    memory.holdings()
    os._exit(0)
forked.set()
sys.exit(os.waitpid(child, 0)[1] != 0)
"""


def test_a_fork_while_another_thread_uses_the_memory_does_not_hang(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORKED, str(tmp_path / "m.db")]
    assert subprocess.run(command, check=False).returncode == 0


KILLED = """
import sys
from octavo.memory import TranslationMemory
memory = TranslationMemory.open(sys.argv[1])
session = memory.session(model="m", options="o", source_language="en", target_language="de")
block = 0
while True:
    session.add((f"{block} {row}", "x" * 500) for row in range(200))
    print(block, flush=True)
    block += 1
"""


def test_a_killed_process_loses_only_what_it_had_not_committed(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert process.stdout is not None
    with process:
        while int(process.stdout.readline()) < 3:
            pass
        process.send_signal(signal.SIGKILL)
        committed = 3 + len(process.stdout.read().split())
    with TranslationMemory.open(path) as memory:
        session = session_of(memory)
        sources = [f"{block} {row}" for block in range(committed + 1) for row in range(200)]
        assert None not in session.lookup(sources)
        assert sum(holding.entries for holding in memory.holdings()) % 200 == 0
        session.add([("still", "works")])
