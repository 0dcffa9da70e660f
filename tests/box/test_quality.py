"""What the model in the box promises: its BLEU, what int8 costs, its size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sacrebleu

from octavo.artifact import ModelDirectory, write_model
from octavo.model.scheme import Scheme
from octavo.translation import Translator

MEGABYTE = 1_000_000

FLOORS = {
    "Multi30k test_2016_flickr": 37.5,
    "Multi30k test_2017_flickr": 31.5,
    "Tatoeba test": 30.0,
    "newstest2014": 10.0,
    "software-ui": 20.0,
    "documentation": 20.0,
}
"""The least BLEU of both forms. games-dialogue has none: its references retell freely."""


@pytest.fixture(scope="module")
def bleu(
    boxed: ModelDirectory, master: ModelDirectory, test_2016: tuple[list[str], list[str]]
) -> dict[str, float]:
    english, german = test_2016
    found = {}
    for precision, model in (("float32", master), ("int8", boxed)):
        with Translator.open(model.path, precision=precision) as translator:
            hypotheses = [translation.text for translation in translator(english, beam=4)]
        found[precision] = sacrebleu.corpus_bleu(hypotheses, [german]).score
    return found


def recorded(model: ModelDirectory) -> dict[str, float]:
    """BLEU of each test set, as quality.json has it."""
    return {name: figures["bleu"] for name, figures in model.quality["test"].items() if name != "date"}


def test_the_recorded_figures_are_what_it_gives(
    bleu: dict[str, float], boxed: ModelDirectory, master: ModelDirectory
) -> None:
    for precision, model in (("float32", master), ("int8", boxed)):
        assert bleu[precision] == pytest.approx(recorded(model)["Multi30k test_2016_flickr"], abs=0.01)


def test_bleu(boxed: ModelDirectory, master: ModelDirectory) -> None:
    for model in (boxed, master):
        found = recorded(model)
        assert {name for name, floor in FLOORS.items() if found[name] < floor} == set()


def test_int8_loses_little(boxed: ModelDirectory, master: ModelDirectory) -> None:
    losses = [score - recorded(boxed)[name] for name, score in recorded(master).items()]
    assert max(losses) <= 0.5
    assert sum(losses) / len(losses) <= 0.1


def size_without_tokenizer(path: Path) -> int:
    return sum(file.stat().st_size for file in path.iterdir() if file.suffix != ".spm")


def test_sizes(boxed: ModelDirectory, master: ModelDirectory, tmp_path: Path) -> None:
    assert sum(file.stat().st_size for file in boxed.path.iterdir()) <= 20 * MEGABYTE
    assert sum(file.stat().st_size for file in master.path.iterdir()) <= 40 * MEGABYTE
    write_model(
        tmp_path / "float32",
        config=master.config,
        scheme=Scheme.NONE,
        search=master.search,
        tensors={name: tensor.astype(np.float32) for name, tensor in master.tensors()},
        tokenizer_files=master.tokenizer_paths,
        name=master.name,
        source_language=master.source_language,
        target_language=master.target_language,
        quality=master.quality,
    )
    assert size_without_tokenizer(tmp_path / "float32") >= 3.8 * size_without_tokenizer(boxed.path)
