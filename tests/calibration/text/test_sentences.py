"""Which sentences calibration takes, and what it refuses."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from tests.models import synthetic_sentences, tiny_config, tiny_tokenizer, write_tiny_model

from octavo.artifact import ModelDirectory
from octavo.calibration.errors import CalibrationError
from octavo.calibration.text.sentences import calibration_text, spread
from octavo.conversion.piece_table import PieceTable


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelDirectory:
    path = tmp_path_factory.mktemp("models") / "tiny"
    return ModelDirectory.open(write_tiny_model(path, config=tiny_config(max_positions=256)))


def test_a_fifth_is_held_out_evenly(model: ModelDirectory) -> None:
    text = calibration_text(synthetic_sentences(160), model, "text")
    assert (len(text.observed), len(text.held_out)) == (128, 32)
    every = {ids.tobytes() for ids in (*text.observed, *text.held_out)}
    assert len(every) == 160


def test_sentences_are_spread_over_the_file(model: ModelDirectory) -> None:
    lines = synthetic_sentences(400)
    text = calibration_text(lines, model, "text", most=100)
    assert len(text.observed) + len(text.held_out) == 100
    again = calibration_text(lines, model, "text", most=100)
    assert all(np.array_equal(a, b) for a, b in zip(text.observed, again.observed, strict=True))
    assert spread(list(range(10)), 5) == [1, 3, 5, 7, 9]
    assert spread([1, 2], 5) == [1, 2]


def test_repeated_blank_and_overlong_lines_are_left_out(model: ModelDirectory) -> None:
    lines = synthetic_sentences(20)
    long = "ba" * 2000
    text = calibration_text([*lines, "", "  ", long, *lines], model, "text")
    assert len(text.observed) + len(text.held_out) == 20


def test_every_sentence_of_a_line_has_its_language_code(tmp_path: Path) -> None:
    table = PieceTable.read(tiny_tokenizer(tmp_path / "plain.spm"))
    code = len(table.pieces) - 1
    pieces = [*table.pieces[:-1], dataclasses.replace(table.pieces[-1], text=">>fra<<")]
    (tmp_path / "coded.spm").write_bytes(table.with_pieces(pieces).to_bytes())
    files = (tmp_path / "coded.spm",) * 2
    path = write_tiny_model(tmp_path / "model", config=tiny_config(max_positions=256), tokenizer_files=files)
    lines = [f">>fra<< {a} {b}" for a, b in zip(*[iter(synthetic_sentences(40))] * 2, strict=True)]
    text = calibration_text([*lines, ">>fra<< ", *lines], ModelDirectory.open(path), "text")
    sources = (*text.observed, *text.held_out)
    assert len(sources) == 40
    assert all(ids[0] == code and code not in ids[1:] for ids in sources)
    assert text.unknown_share == 0
    with pytest.raises(CalibrationError, match="does not know 100% of its characters"):
        calibration_text([f">>fra<< номер {i * 'ж'} ж" for i in range(30)], ModelDirectory.open(path), "text")


@pytest.mark.parametrize("lines", [[], ["", " \t"]])
def test_an_empty_file(model: ModelDirectory, lines: list[str]) -> None:
    with pytest.raises(CalibrationError, match=r"^empty\.txt: holds no text"):
        calibration_text(lines, model, "empty.txt")


def test_three_sentences(model: ModelDirectory) -> None:
    with pytest.raises(CalibrationError, match=r"only 3 different sentences fit the model; .* at least 16"):
        calibration_text(synthetic_sentences(3) * 20, model, "few.txt")


def test_too_few_asked_for(model: ModelDirectory) -> None:
    with pytest.raises(CalibrationError, match="at least 16"):
        calibration_text(synthetic_sentences(100), model, "text", most=3)


def test_another_script_is_refused(model: ModelDirectory) -> None:
    lines = [f"Человек едет на велосипеде номер {i} по улице" for i in range(30)]
    with pytest.raises(CalibrationError, match=r"does not know 100% of its characters.*\(en\)"):
        calibration_text(lines, model, "russian.txt")


def test_some_unknown_characters_are_suspicious(model: ModelDirectory) -> None:
    known = synthetic_sentences(30)
    text = calibration_text([f"жжжжжжж {line}" for line in known], model, "mixed.txt")
    assert "mixed.txt: the model does not know" in (text.suspicion() or "")
    assert calibration_text(known, model, "text").suspicion() is None
