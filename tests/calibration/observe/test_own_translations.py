"""The model's own translations: which are kept, and what is said of the others."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from tests.models import synthetic_sentences, tiny_config, write_tiny_model

from octavo.artifact import ModelDirectory
from octavo.calibration.errors import CalibrationError
from octavo.calibration.observe.own_translations import own_translations
from octavo.calibration.text.pairs import Pairs
from octavo.calibration.text.sentences import calibration_text
from octavo.engine import Hypothesis, SearchOptions
from octavo.engine.hypothesis import TokenIds
from octavo.runs.finished_steps import FinishedSteps
from octavo.runs.progress import Silent

POSITIONS = 256
CONFIG = tiny_config(max_positions=POSITIONS)


class Listening(Silent):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, message: str) -> None:
        self.warnings.append(message)


class Looping:
    """Copies its sources, but for those of ``endless``, which it repeats until no position is left."""

    def __init__(self, endless: set[bytes]) -> None:
        self.endless = endless

    def translate(
        self,
        sources: Sequence[TokenIds],
        options: SearchOptions,
        *,
        target_prefixes: Sequence[TokenIds] | None = None,
    ) -> list[list[Hypothesis]]:
        assert options.beam == 1
        assert not target_prefixes
        return [[self._translation(source)] for source in sources]

    def _translation(self, source: TokenIds) -> Hypothesis:
        if source.tobytes() in self.endless:
            return Hypothesis(np.resize(source, POSITIONS), -0.1, False)
        return Hypothesis(source, -0.1, True)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelDirectory:
    return ModelDirectory.open(write_tiny_model(tmp_path_factory.mktemp("models") / "tiny", config=CONFIG))


def translated(model: ModelDirectory, endless: int, progress: Listening) -> tuple[Pairs, Pairs]:
    """The pairs of a text of which the first ``endless`` sentences, observed and held out, do not end."""
    text = calibration_text(synthetic_sentences(60), model, "my.txt")
    sources = (*text.observed[:endless], *text.held_out[:endless])

    @contextlib.contextmanager
    def engine() -> Iterator[Looping]:
        yield Looping({source.tobytes() for source in sources})

    return own_translations(model, text, FinishedSteps(None, {}), progress, engine)


def test_sentences_whose_translations_do_not_end_are_left_out(model: ModelDirectory) -> None:
    listening = Listening()
    observed, held_out = translated(model, 1, listening)
    assert (len(observed), len(held_out)) == (47, 11)
    assert all(len(target) < POSITIONS for target in (*observed.targets, *held_out.targets))
    (warning,) = listening.warnings
    assert warning.startswith("my.txt: 2 of 60 sentences are left out, as their translations do not end")
    assert "the model's 256 positions" in warning


def test_nothing_is_said_where_all_end(model: ModelDirectory) -> None:
    listening = Listening()
    observed, held_out = translated(model, 0, listening)
    assert (len(observed), len(held_out)) == (48, 12)
    assert listening.warnings == []


def test_text_of_which_too_little_is_left(model: ModelDirectory) -> None:
    with pytest.raises(CalibrationError, match=r"my\.txt: 60 of 60 sentences are left out.* at least 16"):
        translated(model, 60, Listening())
    with pytest.raises(CalibrationError, match="24 of 60 sentences are left out"):
        translated(model, 12, Listening())  # nothing is held out then
