"""A student that Marian trained: what Marian and bergamot translate, Octavo translates."""

from __future__ import annotations

from pathlib import Path

import pytest

from octavo.artifact import ModelDirectory
from octavo.conversion import convert
from octavo.engine import Engine, Hypothesis
from octavo.model.search import SearchOptions, Stop

COUNT = 200


@pytest.fixture(scope="module")
def student(shared_data: Path) -> Path:
    """Its files."""
    path = shared_data / "marian-ssru"
    if not path.is_dir():
        pytest.skip(f"no student at {path}")
    return path


def translated(
    model: ModelDirectory, shared_data: Path, *, beam: int, ratio: float, shortlist: bool = False
) -> tuple[list[Hypothesis], list[str]]:
    lines = (
        (shared_data / "multi30k" / "test_2016_flickr.en").read_text(encoding="utf-8").splitlines()[:COUNT]
    )
    source, target = model.tokenizers()
    precision = "int8" if model.plan else "float32"
    engine = Engine(model, precision=precision, threads=1, shortlist=model.shortlist() if shortlist else None)
    options = SearchOptions(beam=beam, length_ratio=ratio, length_margin=0, stop=Stop.SHRINKING)
    found = [best[0] for best in engine.translate([source.encode(line) for line in lines], options)]
    return found, [target.decode(hypothesis.tokens) for hypothesis in found]


@pytest.mark.parametrize("beam", [1, 4])
def test_float32_is_marian(student: Path, shared_data: Path, tmp_path: Path, beam: int) -> None:
    convert(student / "model.npz", tmp_path / "model")
    found, texts = translated(ModelDirectory.open(tmp_path / "model"), shared_data, beam=beam, ratio=3)
    lines = (student / f"marian-beam{beam}.tsv").read_text(encoding="utf-8").splitlines()
    scores, expected = zip(*(line.split("\t") for line in lines), strict=True)
    assert texts == list(expected)
    assert [hypothesis.score for hypothesis in found] == pytest.approx(list(map(float, scores)), abs=1e-3)


@pytest.mark.parametrize("shortlist", [False, True])
def test_int8_is_bergamot_but_for_its_clipping(
    student: Path, shared_data: Path, tmp_path: Path, shortlist: bool
) -> None:
    """benchmarks/marian.py explains the others one by one."""
    convert(student / "model.intgemm.alphas.bin", tmp_path / "model")
    model = ModelDirectory.open(tmp_path / "model")
    _, texts = translated(model, shared_data, beam=1, ratio=2.5, shortlist=shortlist)
    name = "bergamot-int8-shortlist.de" if shortlist else "bergamot-int8.de"
    expected = (student / name).read_text(encoding="utf-8").splitlines()
    assert sum(mine == theirs for mine, theirs in zip(texts, expected, strict=True)) >= 0.8 * COUNT
