"""Cross-entropy by its definition, on the lines that the model can read."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from tests.models import integer_config, synthetic_sentences, write_tiny_model

from octavo.artifact import ModelDirectory
from octavo.calibration.errors import CalibrationError
from octavo.calibration.integer.loss import dev_pairs, measure_loss
from octavo.calibration.measure.dev_text import DevText
from octavo.calibration.text.pairs import Pairs
from octavo.runs.finished_steps import FinishedSteps

VOCABULARY, EOS = 50, 3


class Logits:
    """Random logits that depend on the target alone, shifted far from 0."""

    def forced_logits(self, sources: Sequence[np.ndarray], targets: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [self.of(target) for target in targets]

    def of(self, target: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng(len(target))
        return (300 + 4 * rng.standard_normal((len(target) + 1, VOCABULARY))).astype(np.float32)


def test_token_loss_is_mean_cross_entropy() -> None:
    targets = tuple(np.arange(4, 4 + n, dtype=np.int32) for n in (1, 7, 12, 30, 3, 9, 4, 5, 11))
    expected, engine = [], Logits()
    for target in targets:
        probabilities = np.exp(engine.of(target).astype(np.float64) - 300)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        expected += [-np.log(row[token]) for row, token in zip(probabilities, [*target, EOS], strict=True)]
    pairs, steps = Pairs(targets, targets), FinishedSteps(None, {})
    found = measure_loss(engine, lambda: nullcontext(engine), pairs, EOS, steps)
    assert found.sentences == len(targets)
    assert found.float32 == found.integer == pytest.approx(np.mean(expected))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelDirectory:
    return ModelDirectory.open(
        write_tiny_model(tmp_path_factory.mktemp("models") / "float", config=integer_config())
    )


def test_lines_that_do_not_fit_are_left_out(model: ModelDirectory) -> None:
    lines = tuple(synthetic_sentences(30))
    long, blank = "Bako tire. " * 50, " "
    dev = DevText(
        "dev.en", "dev.de", (*lines, long, lines[0], blank, lines[1]), (*lines, *lines[:2], *lines[:2])
    )
    tokenizer = model.tokenizers()[0]
    fitting = [ids for line in lines if len(ids := tokenizer.encode(line)) < model.config.max_positions]
    pairs = dev_pairs(model, dev, most=1000)
    assert [source.tolist() for source in pairs.sources[:-2]] == [list(ids) for ids in fitting]
    assert len(dev_pairs(model, dev, most=5)) == 5


def test_a_dev_set_of_which_nothing_fits(model: ModelDirectory, tmp_path: Path) -> None:
    long = ("Bako tire. " * 50,) * 16
    with pytest.raises(CalibrationError, match=r"dev\.en: no line of it and of its reference fits the model"):
        dev_pairs(model, DevText("dev.en", "dev.de", long, long))
