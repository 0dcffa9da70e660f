"""``octavo translate``: sources, places, layouts."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

import octavo as package
from octavo.translation import TranslationWarning

from ...models import opus_languages, synthetic_sentences, write_tiny_model
from ..conftest import COMMAND, ENVIRONMENT, Octavo
from ..test_bad_input import message

TEXTS = synthetic_sentences(30)
LINES = "".join(f"{text}\n" for text in TEXTS).encode()


@pytest.fixture(scope="module")
def expected(int8_model: Path) -> list[str]:
    with package.load(int8_model, threads=1) as translator:
        return [translation.text for translation in translator(TEXTS)]


def lines(data: bytes) -> list[str]:
    assert data == b"" or data.endswith(b"\n")
    return data.decode().split("\n")[:-1]


def test_standard_input_to_standard_output(octavo: Octavo, int8_model: Path, expected: list[str]) -> None:
    done = octavo("translate", "--model", int8_model, stdin=LINES)
    assert done.returncode == 0
    assert lines(done.stdout) == expected


def test_texts_of_the_command_line(octavo: Octavo, int8_model: Path, expected: list[str]) -> None:
    done = octavo("translate", "-m", int8_model, *TEXTS[:3], "", "\n".join(TEXTS[3:5]))
    assert lines(done.stdout) == [*expected[:3], "", *expected[3:5]]


def test_rules_of_the_search(octavo_here: Octavo, int8_model: Path, tmp_path: Path) -> None:
    rules = {"word_penalty": -0.5, "repetition_penalty": 1.4, "stop": "heuristic", "target_prefix": "Bako"}
    with package.load(int8_model, threads=1) as translator:
        expected = translator(TEXTS[0], retry=False, **rules).text
    options = [part for name, value in rules.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    done = octavo_here("translate", "-m", int8_model, *options, "--no-retry", TEXTS[0])
    assert lines(done.stdout) == [expected]
    assert expected.startswith("Bako")
    done = octavo_here("translate", "-m", int8_model, "--unknown", "copy", TEXTS[0])
    assert "no attention heads that align" in message(done)
    page = tmp_path / "a.html"
    page.write_text("<p>Bako</p>")
    done = octavo_here("translate", "-m", int8_model, page, "-o", "b.html", "--target-prefix", "Bako")
    assert "leave --target-prefix out" in message(done)


def test_a_code_that_the_model_does_not_have_is_told_with_its_line(
    octavo_here: Octavo, tmp_path: Path
) -> None:
    model = write_tiny_model(tmp_path / "opus", languages=opus_languages(), target_language="mul")
    (tmp_path / "in.txt").write_text(">>fra<< Bako.\n\n>>xyz<< Bako.\n")
    done = octavo_here("translate", "-m", model, "-i", "in.txt")
    assert len(lines(done.stdout)) == 2
    assert "in.txt: line 3: language '>>xyz<<': the model does not have it; it has" in message(done)
    done = octavo_here("translate", "-m", model, "--wrapped", "-i", "in.txt")
    assert "in.txt: line 3: language '>>xyz<<'" in message(done)
    done = octavo_here("translate", "-m", model, ">>fra<< Bako.", "Bako.")
    assert "TEXT: line 2: " in message(done) and "target language: the model has 2" in message(done)
    done = octavo_here("evaluate", "-m", model, "--source", "in.txt", "--reference", "in.txt")
    assert "in.txt: line 3: language '>>xyz<<'" in message(done)


def test_files(octavo: Octavo, int8_model: Path, expected: list[str], tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_bytes(LINES)
    done = octavo("translate", "-m", int8_model, "-i", "in.txt", "-o", "out.txt")
    assert (done.returncode, done.stdout) == (0, b"")
    assert lines((tmp_path / "out.txt").read_bytes()) == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.txt", "out.txt"]


def test_a_file_may_be_translated_onto_itself(
    octavo: Octavo, int8_model: Path, expected: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "text"
    file.write_bytes(LINES)
    file.chmod(0o640)
    assert octavo("translate", "-m", int8_model, "-i", file, "-o", file).returncode == 0
    assert lines(file.read_bytes()) == expected
    assert file.stat().st_mode & 0o777 == 0o640


def test_the_lines_of_a_stopped_run_may_be_translated(
    octavo: Octavo, int8_model: Path, expected: list[str], tmp_path: Path
) -> None:
    (tmp_path / "talk.partial").write_bytes(LINES)
    assert octavo("translate", "-m", int8_model, "-i", "talk.partial", "-o", "talk").returncode == 0
    assert lines((tmp_path / "talk").read_bytes()) == expected
    assert (tmp_path / "talk.partial").read_bytes() == LINES


def test_dashes_mean_the_standard_streams(octavo: Octavo, int8_model: Path, expected: list[str]) -> None:
    done = octavo("translate", "-m", int8_model, "-i", "-", "-o", "-", stdin=LINES)
    assert lines(done.stdout) == expected


@pytest.mark.parametrize(
    ("written", "count"),
    [
        (b"", 0),
        (b"\n", 1),
        (b"Bako.", 1),
        (b"Bako.\n\nTire.", 3),
        (b"\xef\xbb\xbfBako.\r\nTire.\r\n", 2),
    ],
)
def test_as_many_lines_out_as_in(octavo: Octavo, int8_model: Path, written: bytes, count: int) -> None:
    done = octavo("translate", "-m", int8_model, "--beam", "1", stdin=written)
    assert (done.returncode, len(lines(done.stdout))) == (0, count)


def test_line_ends_and_byte_order_mark_are_no_text(octavo: Octavo, int8_model: Path) -> None:
    plain = octavo("translate", "-m", int8_model, stdin=b"Bako.\nTire.\n")
    marked = octavo("translate", "-m", int8_model, stdin=b"\xef\xbb\xbfBako.\r\nTire.\r\n")
    assert plain.stdout == marked.stdout


def test_scores_and_ranks_are_tables(octavo: Octavo, int8_model: Path) -> None:
    with package.load(int8_model, threads=1) as translator:
        first, second = translator(TEXTS[:2], nbest=2)
    stdin = f"{TEXTS[0]}\n{TEXTS[1]}\n\n".encode()

    done = octavo("translate", "-m", int8_model, "--scores", stdin=stdin)
    assert lines(done.stdout) == [f"{t.score:.6f}\t{t.text}" for t in (first, second)] + ["0.000000\t"]

    done = octavo("translate", "-m", int8_model, "--nbest", "2", stdin=stdin)
    rows = [line.split("\t") for line in lines(done.stdout)]
    assert [row[:2] for row in rows] == [["1", "1"], ["1", "2"], ["2", "1"], ["2", "2"], ["3", "1"]]
    assert [row[2] for row in rows[:2]] == [alternative.text for alternative in first.alternatives]

    done = octavo("translate", "-m", int8_model, "--nbest", "2", "--scores", stdin=stdin)
    rows = [line.split("\t") for line in lines(done.stdout)]
    assert rows[1] == ["1", "2", f"{first.alternatives[1].score:.6f}", first.alternatives[1].text]
    assert all(len(row) == 4 for row in rows)


def test_json_has_a_line_for_each_line(octavo_here: Octavo, int8_model: Path) -> None:
    with package.load(int8_model, threads=1) as translator:
        found = translator([*TEXTS[:3], ""], nbest=2)
    done = octavo_here("translate", "-m", int8_model, "--json", "--nbest", 2, *TEXTS[:3], "")
    rows = [json.loads(line) for line in lines(done.stdout)]
    assert [list(row) for row in rows] == [
        ["source", "text", "score", "complete", "alternatives", "warnings", "segments"]
    ] * 4
    for row, translation in zip(rows, found, strict=True):
        assert (row["source"], row["text"], row["score"]) == (
            *(translation.source, translation.text),
            translation.score,
        )
        assert [entry["text"] for entry in row["alternatives"]] == [a.text for a in translation.alternatives]
        assert row["warnings"] == list(translation.warnings)
    done = octavo_here("translate", "-m", int8_model, "--json", "--scores", "Bako.")
    assert "leave --scores out" in message(done)


def test_what_is_likely_wrong_is_noted_once(octavo_here: Octavo, int8_model: Path) -> None:
    texts = ["Bako.", *["\u4f60\u597d."] * 7]
    with package.load(int8_model, threads=1) as translator:
        expected = [translation.text for translation in translator(texts)]
        warned = [translation.warnings for translation in translator(texts)]
    assert [TranslationWarning.UNREADABLE in found for found in warned] == [False] + [True] * 7
    done = octavo_here("translate", "-m", int8_model, *texts)
    assert lines(done.stdout) == expected
    (noted,) = [line for line in done.stderr.decode().splitlines() if "should be looked at" in line]
    assert noted.startswith(f"octavo: {sum(map(bool, warned))} of 8 translations should be looked at. ")
    assert f"Lines 2, 3, 4, 5, 6 and 2 more: {TranslationWarning.UNREADABLE}" in noted


def test_options_reach_the_search(octavo: Octavo, float_model: Path) -> None:
    with package.load(float_model, threads=1) as translator:
        found = translator(
            TEXTS[:5], beam=2, length_penalty=0.3, min_length=2, max_length=9, length_ratio=0.1
        )
    options = ("--beam", 2, "--length-penalty", 0.3, "--min-length", 2, "--max-length", 9, "--threads", 1)
    done = octavo("translate", "-m", float_model, *options, "--length-ratio", 0.1, *TEXTS[:5])
    assert lines(done.stdout) == [translation.text for translation in found]


def test_cut_and_split_lines_are_counted_at_the_end(octavo: Octavo, float_model: Path) -> None:
    long = " ".join(synthetic_sentences(40)).replace(".", ",").replace("!", ",").replace("?", ",").encode()
    done = octavo("translate", "-m", float_model, "--max-length", 5, stdin=LINES + long + b"\n\n")
    with package.load(float_model, threads=1) as translator:
        found = translator([*TEXTS, long.decode(), ""], max_length=5)
    cut = sum(not translation.complete for translation in found)
    assert f"{cut} of 32 translations were cut at the length limit" in done.stderr.decode()
    assert "1 of 32 lines had a sentence too long for the model" in done.stderr.decode()


def test_lines_are_answered_as_they_come(int8_model: Path, expected: list[str]) -> None:
    command = [*COMMAND, "translate", "-m", str(int8_model)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for text, translation in zip(TEXTS[:3], expected, strict=False):
            process.stdin.write(f"{text}\n".encode())
            process.stdin.flush()
            assert process.stdout.readline().decode() == f"{translation}\n"
        process.stdin.close()
        assert process.wait(timeout=60) == 0


def test_a_reader_that_has_enough_ends_it_quietly(int8_model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_bytes(LINES * 100)
    command = [*COMMAND, "translate", "-m", str(int8_model), "--beam", "1", "-i", "in.txt"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=ENVIRONMENT
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_device_is_reported(int8_model: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, "translate", "-m", str(int8_model), "Bako."],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            env=ENVIRONMENT,
        )
    assert done.returncode == 2
    assert done.stderr.decode().splitlines()[-1].startswith("octavo: standard output: cannot be written")


def test_a_named_pipe_is_written_in_place(octavo: Octavo, int8_model: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    try:
        assert octavo("translate", "-m", int8_model, "Bako.", "-o", pipe).returncode == 0
        assert len(lines(os.read(reader, 1 << 16))) == 1
    finally:
        os.close(reader)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pipe"]
