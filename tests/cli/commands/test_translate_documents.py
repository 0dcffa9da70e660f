"""``octavo translate`` with documents, wrapped text, glossaries and memories."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import octavo as package
from octavo.artifact import ModelDirectory
from octavo.memory import TranslationMemory

from ...models import synthetic_sentences
from ..conftest import Octavo
from ..test_bad_input import message

FIRST, SECOND = synthetic_sentences(2)
WRAPPED = FIRST.replace(" ", "\n", 1)


@pytest.fixture
def expected(int8_model: Path) -> list[str]:
    with package.load(int8_model, threads=1) as translator:
        return [found.text for found in translator([FIRST, SECOND])]


def test_a_document_is_translated(
    octavo_here: Octavo, int8_model: Path, tmp_path: Path, expected: list[str]
) -> None:
    (tmp_path / "in.html").write_text(f"<p>{FIRST}</p>")
    done = octavo_here("translate", "-m", int8_model, "in.html", "-o", "out.html")
    assert done.stderr.decode().startswith("octavo: 1 passage translated\n")
    assert (tmp_path / "out.html").read_text() == f"<p>{expected[0]}</p>"


def test_a_document_on_standard_output(
    octavo_here: Octavo, int8_model: Path, tmp_path: Path, expected: list[str]
) -> None:
    (tmp_path / "in.html").write_text(f"<p>{FIRST}</p>")
    done = octavo_here("translate", "-m", int8_model, "in.html", "-o", "-")
    assert done.stdout.decode() == f"<p>{expected[0]}</p>"
    assert "-o - is standard output" in message(octavo_here("translate", "-m", int8_model, "in.html"))


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ("out.odt", "its translation is one of the same format: give out.odt the ending .html"),
        ("missing/out.html", "missing/out.html: cannot be written: No such file or directory"),
        (".", ".: cannot be written: it is a directory"),
    ],
)
def test_where_a_document_cannot_go(
    octavo_here: Octavo, int8_model: Path, tmp_path: Path, output: str, problem: str
) -> None:
    (tmp_path / "in.html").write_text("<p>Bako.</p>")
    assert problem in message(octavo_here("translate", "-m", int8_model, "in.html", "-o", output))
    assert [path.name for path in tmp_path.iterdir()] == ["in.html"]


@pytest.mark.parametrize("names", [("a.html", "b.html"), ("a.html", "new.html"), ("word", "a.html")])
def test_several_documents_are_not_translated_as_words(
    octavo_here: Octavo, int8_model: Path, tmp_path: Path, names: tuple[str, str]
) -> None:
    for name in ("a.html", "b.html"):
        (tmp_path / name).write_text("<p>Bako.</p>")
    assert "a.html is a document" in message(octavo_here("translate", "-m", int8_model, *names))
    done = octavo_here("translate", "-m", int8_model, "--format", "lines", *names)
    assert (done.returncode, done.stdout.count(b"\n")) == (0, 2)


def test_columns_are_for_tables(octavo_here: Octavo, int8_model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<p>Bako.</p>")
    done = octavo_here("translate", "-m", int8_model, "a.html", "--column", "x", "-o", "b.html")
    assert "a.html: the format html has no columns to choose: they are for csv and tsv" in message(done)


def test_rules_for_xml(octavo_here: Octavo, int8_model: Path, tmp_path: Path, expected: list[str]) -> None:
    (tmp_path / "a.xml").write_text(f"<d><id>Bako</id><p>{FIRST}</p></d>")
    (tmp_path / "rules.toml").write_text('only = ["p"]')
    octavo_here("translate", "-m", int8_model, "a.xml", "--xml-rules", "rules.toml", "-o", "b.xml")
    assert (tmp_path / "b.xml").read_text() == f"<d><id>Bako</id><p>{expected[0]}</p></d>"
    command = ("translate", "-m", int8_model, "a.xml", "-o", "c.xml", "--xml-rules")
    assert "no.toml: cannot be read: No such file" in message(octavo_here(*command, "no.toml"))
    assert "the rules for XML are not TOML" in message(octavo_here(*command, "a.xml"))
    done = octavo_here(*command, "rules.toml", "--format", "html")
    assert "the format html needs no rules: they are for xml" in message(done)


def test_wrapped_lines_are_joined(
    octavo: Octavo, int8_model: Path, tmp_path: Path, expected: list[str]
) -> None:
    done = octavo("translate", "-m", int8_model, "--wrapped", WRAPPED, SECOND)
    assert done.stdout.decode() == f"{expected[0]}\n{expected[1]}\n"
    text = f"{WRAPPED}\n\n{SECOND}\n"
    for arguments in ([], ["--input", tmp_path / "in.txt"]):
        (tmp_path / "in.txt").write_text(text)
        done = octavo("translate", "-m", int8_model, "--wrapped", *arguments, stdin=text.encode())
        assert done.stdout.decode() == f"{expected[0]}\n\n{expected[1]}\n"
    done = octavo("translate", "-m", int8_model, "--wrapped", "--nbest", 1, stdin=text.encode())
    assert [row.split("\t")[0] for row in done.stdout.decode().splitlines()] == ["1", "3", "4"]


def test_a_wrapped_document_of_plain_text(
    octavo_here: Octavo, int8_model: Path, tmp_path: Path, expected: list[str]
) -> None:
    (tmp_path / "in.txt").write_text(WRAPPED)
    octavo_here("translate", "-m", int8_model, "--wrapped", "in.txt", "-o", "out.txt")
    assert (tmp_path / "out.txt").read_text().split() == expected[0].split()


def test_similar_sentences_of_the_memory_are_told(
    octavo_here: Octavo, int8_model: Path, tmp_path: Path
) -> None:
    pytest.importorskip("rapidfuzz")
    command = ("translate", "-m", int8_model, "--memory", "m.db", "--similar", 75)
    model = ModelDirectory.open(int8_model)
    languages = {"source_language": model.source_language, "target_language": model.target_language}
    with TranslationMemory.open(tmp_path / "m.db") as memory:
        memory.add_imported([(FIRST, SECOND)], **languages)
    changed = f"{FIRST[:-1]}a{FIRST[-1]}"
    told = f"% like {FIRST!r}, translated as {SECOND!r}"
    done = octavo_here(*command, "--json", changed)
    assert told in done.stderr.decode()
    assert json.loads(done.stdout)["segments"][0]["similar"]["source"] == FIRST
    (tmp_path / "in.html").write_text(f"<p>{FIRST}</p><p>12</p>")
    done = octavo_here(*command, "in.html", "-o", "out.html")
    assert b"2 passages translated; the memory had 1 of 2 segments\n" in done.stderr
    (tmp_path / "in.html").write_text(f"<p>{changed}a</p>")
    assert told in octavo_here(*command, "in.html", "-o", "out.html").stderr.decode()
