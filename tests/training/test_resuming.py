"""A run with all that a large corpus needs, stopped at any point: its bits are those of one left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from octavo.training.display import Display
from octavo.training.interrupt import Interrupt, Interrupted
from octavo.training.ranks import Ranks
from octavo.training.recipe_file import read_recipe
from octavo.training.run import train
from octavo.training.trainer import Trainer

from .test_kill import outcome
from .test_mixture import mix

UPDATES = 40


class InterruptAfter(Interrupt):
    """A user who stops a run when it has been looked at that often."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    @property
    def requested(self) -> bool:
        self.looks -= 1
        return self.looks < 0


def prepare(recipe_path: Path) -> None:
    mix(recipe_path)
    text = recipe_path.read_text().replace("[training]\n", "[training]\noptimizer = 'muon'\n", 1)
    text = text.replace("optimizer", "sampled_outputs = 30\nprecision = 'bfloat16'\noptimizer", 1)
    recipe_path.write_text(text)


def test_stopped_after_every_few_looks(recipe_path: Path, tmp_path: Path) -> None:
    prepare(recipe_path)
    train(recipe_path, tmp_path / "whole")
    stops = 0
    in_validations = 0
    while True:
        stops += 1
        with Display(tmp_path / "stopped", UPDATES, quiet=True) as display:
            trainer = Trainer(
                read_recipe(recipe_path), tmp_path / "stopped", Ranks(0, 1, torch.device("cpu")), display
            )
            trainer.resume()
            before = len(trainer.progress.validations)
            try:
                trainer.run(InterruptAfter(3 + stops % 3))
            except Interrupted:
                at = trainer.progress.update
                in_validations += at % 15 == 0 and len(trainer.progress.validations) == before
                continue
        break
    train(recipe_path, tmp_path / "stopped")
    assert stops > 8
    assert in_validations > 0, "no stop fell into a validation: change the numbers of looks"
    assert outcome(tmp_path / "stopped", UPDATES) == outcome(tmp_path / "whole", UPDATES)


def test_the_last_measurement_answers_too(
    recipe_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop_at_export(self: Trainer, done: int, total: int) -> None:
        if self.progress.finished and self.progress.validations[-1:] and self._validated():
            self._interrupt.requested = True
        tick(self, done, total)

    tick = Trainer.tick
    monkeypatch.setattr(Trainer, "tick", stop_at_export)
    with pytest.raises(Interrupted):
        train(recipe_path, tmp_path / "run")
    assert not (tmp_path / "run" / "model").exists()
    monkeypatch.undo()
    assert train(recipe_path, tmp_path / "run").is_dir()


def test_a_wish_to_stop_before_training_begins_is_heard(
    recipe_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("octavo.interrupt._requested", True)
    with pytest.raises(KeyboardInterrupt):
        train(recipe_path, tmp_path / "run")
    monkeypatch.undo()
    assert train(recipe_path, tmp_path / "run").is_dir()
