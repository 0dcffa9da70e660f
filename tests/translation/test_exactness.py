"""A translation depends on its text alone: not on its batch, the order, the look-ahead or the threads."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import octavo
from octavo.translation import Translation

from ..models import synthetic_sentences

TEXTS = [*synthetic_sentences(60), "", "Ba.", " ".join(synthetic_sentences(30, seed=1)), "Ba."]


@pytest.fixture(scope="module", params=["float32", "int8"])
def model(request: pytest.FixtureRequest, float_model: Path, int8_model: Path) -> Path:
    return int8_model if request.param == "int8" else float_model


@pytest.mark.parametrize("beam", [1, 4])
def test_translations_do_not_depend_on_company(model: Path, beam: int) -> None:
    with octavo.load(model, threads=1) as translator:
        alone = [translator(text, beam=beam, nbest=beam) for text in TEXTS]
        assert len({translation.text for translation in alone}) > 10, "the model says different things"
        assert translator(TEXTS, beam=beam, nbest=beam) == alone
        for look_ahead in (1, 7, 64):
            found = list(translator.stream(TEXTS, look_ahead=look_ahead, beam=beam, nbest=beam))
            assert found == alone
        order = random.Random(0).sample(range(len(TEXTS)), len(TEXTS))
        shuffled = translator([TEXTS[i] for i in order], beam=beam, nbest=beam)
        assert shuffled == [alone[i] for i in order]


def test_translations_do_not_depend_on_threads(model: Path) -> None:
    found: list[list[Translation]] = []
    for threads in (1, 2, 3):
        with octavo.load(model, threads=threads) as translator:
            found.append(translator(TEXTS, beam=3))
    assert found[0] == found[1] == found[2]
