"""A model with an SSRU decoder learns, and the engine translates with it as the reference does."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from octavo import reference
from octavo.artifact import ModelDirectory
from octavo.engine import Engine
from octavo.model.config import Mixer
from octavo.model.search import SearchOptions
from octavo.training.run import train

from .conftest import write_recipe

STUDENT = 'decoder_mixer = "ssru"\nnorm = "post"\npositions = "sinusoidal-tensor2tensor"\noutput_bias = true'


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> ModelDirectory:
    folder = tmp_path_factory.mktemp("student")
    path = write_recipe(folder)
    text = path.read_text(encoding="utf-8").replace("[model]\n", f"[model]\n{STUDENT}\n")
    path.write_text(text, encoding="utf-8")
    return ModelDirectory.open(train(path, folder / "run"))


def test_it_learns(student: ModelDirectory) -> None:
    assert student.config.decoder_mixer is Mixer.SSRU
    assert "decoder.layers.0.ssru.forget.bias" in student.tensor_names()
    bias = dict(student.tensors())["decoder.layers.0.ssru.forget.bias"]
    assert np.any(bias != 0)
    chance = np.log(student.config.target_vocab_size)
    assert student.quality["dev"][0]["loss"] < chance


def test_the_engine_translates_as_the_reference(student: ModelDirectory) -> None:
    model = reference.from_arrays(student.config, dict(student.tensors()))
    options = SearchOptions(beam=3, length_ratio=1.0, length_margin=4)
    sources = [[7, 9, 12, 30], [11, 8], [40, 22, 13, 14, 15]]
    expected = [found[0].tokens for found in reference.search(model, sources, options)]
    engine = Engine(student, precision="float32")
    found = engine.translate([np.array(source, np.int32) for source in sources], options)
    assert [tuple(nbest[0].tokens) for nbest in found] == expected
