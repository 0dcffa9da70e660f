"""Marian's search on a student that Marian trained: the same lists of translations, with the same scores."""

from __future__ import annotations

import collections
import subprocess
import sys
from pathlib import Path

import pytest

from octavo.artifact import ModelDirectory
from octavo.conversion import convert
from octavo.engine import Engine
from octavo.model.search import SearchOptions, Stop

LINES = 40


@pytest.fixture(scope="module")
def student(shared_data: Path) -> Path:
    pytest.importorskip("pymarian")
    folder = shared_data / "marian-ssru"
    if not folder.is_dir():
        pytest.skip(f"no student of Marian at {folder}")
    return folder


@pytest.fixture(scope="module")
def ours(student: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelDirectory:
    path = tmp_path_factory.mktemp("student") / "model"
    convert(student / "model.npz", path)
    return ModelDirectory.open(path)


def decoded(student: Path, lines: list[str], *options: str) -> list[list[tuple[str, float]]]:
    """For each line Marian's translations, best first, with their scores."""
    run = [sys.executable, "-m", "pymarian", "decode", "-m", "model.npz", "-v", "vocab.spm", "vocab.spm"]
    run += ["--cpu-threads", "1", "--quiet", "--quiet-translation", "--n-best"]
    run += ["--mini-batch", "1", "--maxi-batch", "1", *options]
    text = "\n".join(lines) + "\n"
    done = subprocess.run(run, cwd=student, input=text, capture_output=True, text=True, check=True)
    found = collections.defaultdict(list)
    for row in done.stdout.splitlines():
        number, translation, _, score = row.split("|||")
        found[int(number)].append((translation.strip(), float(score)))
    return [found[i] for i in range(len(lines))]


@pytest.mark.parametrize(
    "options",
    [
        {"beam": 4, "length_penalty": 0.0},
        {"beam": 6, "length_penalty": 0.6, "word_penalty": 0.3},
        {"beam": 3, "length_penalty": 1.2, "word_penalty": -0.4, "length_ratio": 2.0},
        {"beam": 4, "length_penalty": 0.6, "length_ratio": 1.0},
    ],
    ids=["as it is", "penalties", "rewards", "cut"],
)
def test_lists_of_translations_are_marians(
    student: Path, ours: ModelDirectory, shared_data: Path, options: dict[str, float]
) -> None:
    lines = (shared_data / "multi30k" / "test_2016_flickr.en").read_text().splitlines()[:LINES]
    expected = decoded(
        student,
        lines,
        *("--beam-size", str(options["beam"]), "--normalize", str(options["length_penalty"])),
        *("--word-penalty", str(options.get("word_penalty", 0.0))),
        *("--max-length-factor", str(options.get("length_ratio", 3.0))),
    )
    source, target = ours.tokenizers()
    engine = Engine(ours, precision="float32", threads=1)

    def lists(stop: Stop) -> list[list[tuple[str, float]]]:
        search = SearchOptions.from_defaults(
            ours.search, **options, nbest=options["beam"], max_length=500, stop=stop
        )
        return [
            [(target.decode(h.tokens.tolist()), h.score) for h in found]
            for found in engine.translate([source.encode(line) for line in lines], search)
        ]

    ours_too = lists(ours.search.stop)
    assert ours.search.stop is Stop.SHRINKING
    assert [[text for text, _ in one] for one in ours_too] == [[text for text, _ in one] for one in expected]
    for found, theirs in zip(ours_too, expected, strict=True):
        assert [score for _, score in found] == pytest.approx([score for _, score in theirs], abs=2e-3)
    assert [[text for text, _ in one] for one in lists(Stop.FULL)] != [
        [text for text, _ in one] for one in expected
    ]
