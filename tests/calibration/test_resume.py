"""A run that is killed again and again: every life keeps what it finished, and no life does much twice."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.models import synthetic_sentences, tiny_config, write_tiny_model

from octavo import durable
from octavo.calibration.choose.budget import Budget
from octavo.calibration.choose.calibrate import CalibrationOptions
from octavo.calibration.choose.gate import Target
from octavo.calibration.measure.dev_text import DevText
from octavo.calibration.quantize import Request, quantize_calibrated
from octavo.calibration.text.named_text import NamedText
from octavo.engine import Engine
from octavo.runs import finished_steps

TEXT = NamedText("text", tuple(synthetic_sentences(80)))
DEV = DevText("dev", "ref", tuple(synthetic_sentences(20, 1)), tuple(synthetic_sentences(20, 2)))
REQUEST = Request(
    text=TEXT,
    options=CalibrationOptions(method=None, sentences=64),
    target=Target(DEV, Budget(max_drop=50)),
)
CONFIG = tiny_config(encoder_layers=1, decoder_layers=1, max_positions=256)
WORK = ("translate", "observe", "forced_logits")


class Killed(BaseException):
    """What ends a life; nothing catches it."""


class Work:
    """Counts what a life computes: calls of the engine and searches of ranges."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: Counter[str] = Counter()
        for name in WORK:
            monkeypatch.setattr(Engine, name, self._counted(name, getattr(Engine, name)))

    def _counted(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.done[name] += 1
            return original(*arguments, **options)

        return call


def kill_after_each_save(monkeypatch: pytest.MonkeyPatch) -> None:
    """End a life as soon as it has kept one more thing."""
    write = durable.write_file

    def write_and_die(path: Path, data: bytes) -> None:
        write(path, data)
        raise Killed

    monkeypatch.setattr(finished_steps.durable, "write_file", write_and_die)
    monkeypatch.setattr(finished_steps, "SECONDS_BETWEEN_SAVES", 0.0)


def test_every_life_does_one_piece_of_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = write_tiny_model(tmp_path / "model", config=CONFIG)
    work = Work(monkeypatch)
    quantize_calibrated(model, tmp_path / "whole", REQUEST, threads=1)
    whole = work.done.copy()
    lives, most = 0, Counter[str]()
    with monkeypatch.context() as patch:
        kill_after_each_save(patch)
        while not (tmp_path / "killed").exists():
            work.done.clear()
            with contextlib.suppress(Killed):
                quantize_calibrated(model, tmp_path / "killed", REQUEST, threads=1)
            lives += 1
            most |= work.done
            assert lives < 5000, "the run does not come nearer to its end"
    assert most["observe"] == 1
    assert most["forced_logits"] <= 8  # a batch in float32 and in int8, eight pairs at a time
    assert most["translate"] <= 6  # a round of speeds, and as many calls to warm up
    assert whole["forced_logits"] > 10 * most["forced_logits"]
    for file in ("config.json", "model.safetensors"):
        killed, undisturbed = (tmp_path / name / file for name in ("killed", "whole"))
        assert killed.read_bytes() == undisturbed.read_bytes()
