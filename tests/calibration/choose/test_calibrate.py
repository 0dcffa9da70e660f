"""Calibrating whole models: tiny random ones, and the real one where its data is there."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from tests.models import random_tensors, synthetic_sentences, tiny_config, write_tiny_model
from tests.outliers import mixed_attentions, plant_outliers

from octavo.artifact import ModelDirectory, write_model
from octavo.calibration.candidates.coverage import Coverage, Inputs
from octavo.calibration.choose.budget import Budget
from octavo.calibration.choose.calibrate import Calibration, CalibrationOptions, Calibrator
from octavo.calibration.choose.gate import Target
from octavo.calibration.errors import CalibrationError, GateError
from octavo.calibration.measure.dev_text import DevText
from octavo.calibration.text.named_text import NamedText
from octavo.engine import Engine
from octavo.errors import QuantizationError
from octavo.model.architecture import sites
from octavo.model.config import Activation, Mixer, NormPlacement
from octavo.model.plan import QuantizationPlan
from octavo.model.scheme import Scheme
from octavo.quantization.thresholds import Method

TEXT = NamedText("text", tuple(synthetic_sentences(40)))
QUICK = CalibrationOptions(method=Method.NAIVE, inputs=Inputs.STATIC, smooth=False, correct_biases=False)
CONFIG = tiny_config(encoder_layers=1, decoder_layers=1, max_positions=256)


class Told:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.warnings: list[str] = []

    def stage(self, name: str, total: int | None) -> None:
        self.stages.append(name)

    def advance(self, done: int = 1) -> None:
        pass

    def warn(self, message: str) -> None:
        self.warnings.append(message)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelDirectory:
    return ModelDirectory.open(write_tiny_model(tmp_path_factory.mktemp("models") / "tiny", config=CONFIG))


def dev_set(count: int = 20) -> DevText:
    return DevText("dev", "ref", tuple(synthetic_sentences(count, 1)), tuple(synthetic_sentences(count, 2)))


def runs(calibration: Calibration) -> np.ndarray:
    """Logits of the calibrated model in the engine."""
    model = calibration.candidate.model(calibration.float32)
    engine = Engine(model, threads=1)
    try:
        return engine.logits(np.array([5, 9, 12], np.int32), np.array([7, 8], np.int32))
    finally:
        engine.close()


@pytest.mark.parametrize("inputs", Inputs)
@pytest.mark.parametrize("coverage", Coverage)
def test_every_scheme_runs(model: ModelDirectory, coverage: Coverage, inputs: Inputs) -> None:
    options = dataclasses.replace(QUICK, coverage=coverage, inputs=inputs)
    found = Calibrator(model, threads=1).calibrate(TEXT, options)
    found.plan.check(model.config)
    assert found.float32 == coverage.float32(model.config)
    assert found.outcome.divergence is not None
    assert 0 < found.outcome.divergence < 0.1
    assert np.isfinite(runs(found)).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"norm": NormPlacement.POST, "activation": Activation.GELU},
        {"tied_output": False, "output_bias": True, "shared_embeddings": False},
        {"activation": Activation.SILU, "embedding_norm": True},
        {"decoder_mixer": Mixer.SSRU, "output_bias": True},
    ],
)
def test_other_kinds_of_models(tmp_path: Path, changes: Mapping[str, object]) -> None:
    path = write_tiny_model(tmp_path / "model", config=dataclasses.replace(CONFIG, **changes))
    found = Calibrator(ModelDirectory.open(path), threads=1).calibrate(TEXT)
    assert {technique.name for technique in found.techniques} >= {"bias correction"}
    assert np.isfinite(runs(found)).all()


@pytest.mark.parametrize("mixer", Mixer)
def test_every_site_is_observed(tmp_path: Path, mixer: Mixer) -> None:
    path = write_tiny_model(tmp_path / "model", config=dataclasses.replace(CONFIG, decoder_mixer=mixer))
    model = ModelDirectory.open(path)
    found = Calibrator(model, threads=1).calibrate(TEXT, QUICK)
    assert found.observations is not None
    assert set(sites(model.config)) <= set(found.observations.names())
    beside = set(found.observations.names()) - set(sites(model.config))
    assert "encoder.embedding" in beside
    assert "decoder.layers.0.feed_forward.residual" in beside


def test_the_same_again_whatever_the_threads(model: ModelDirectory) -> None:
    first = Calibrator(model, threads=1).calibrate(TEXT, sensitivity=True)
    second = Calibrator(model, threads=2).calibrate(TEXT, sensitivity=True)
    assert first.plan == second.plan
    assert first.techniques == second.techniques
    assert first.outcome.sensitivity == second.outcome.sensitivity
    for name, tensor in first.candidate.model(first.float32).tensors.items():
        np.testing.assert_array_equal(tensor, second.candidate.model(second.float32).tensors[name])


def test_a_constant_site_works(tmp_path: Path) -> None:
    tensors = random_tensors(CONFIG)
    tensors["encoder.layers.0.self_attention.norm.weight"][:] = 0  # its output is the bias, always
    tensors["decoder.layers.0.feed_forward.inner.weight"][:] = 0
    tensors["decoder.layers.0.feed_forward.inner.bias"][:] = -1  # ReLU makes it 0, always
    path = write_tiny_model(tmp_path / "constant", config=CONFIG, tensors=tensors)
    found = Calibrator(ModelDirectory.open(path), threads=1).calibrate(TEXT)
    assert np.isfinite(runs(found)).all()


def test_what_is_asked_for_stays_in_float32(model: ModelDirectory) -> None:
    options = dataclasses.replace(QUICK, float32=("output", "decoder.*.scores"))
    found = Calibrator(model, threads=1).calibrate(TEXT, options)
    assert "output" in found.float32
    assert "decoder.layers.0.cross_attention.scores" in found.float32
    assert found.reasons["output"] == "asked for"
    assert found.candidate.model(found.float32).tensors["encoder.embedding.weight"].dtype == np.float32


def test_another_language_is_suspicious(model: ModelDirectory) -> None:
    told = Told()
    Calibrator(model, threads=1, progress=told).calibrate(TEXT, QUICK)  # a random model knows no language
    assert any("the model is unsure of this text" in warning for warning in told.warnings)


def test_a_quantized_model_is_refused(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "int8", scheme=Scheme.INT8_DYNAMIC)
    with pytest.raises(QuantizationError, match="is quantized already"):
        Calibrator(ModelDirectory.open(path))


def test_a_plan_is_taken_as_it_is(model: ModelDirectory) -> None:
    calibrator = Calibrator(model, threads=1)
    plan = calibrator.calibrate(TEXT, QUICK).plan
    assert calibrator.check(plan).plan == plan
    other = QuantizationPlan(frozenset(), {}, {})
    with pytest.raises(CalibrationError, match=r"the plan does not fit .*is missing"):
        calibrator.check(other)


def test_a_stopped_run_goes_on(model: ModelDirectory, tmp_path: Path) -> None:
    class Stops(Told):
        def advance(self, done: int = 1) -> None:
            if self.stages[-1] == "Measuring each product" and self.stages.count("stop") == 0:
                raise KeyboardInterrupt

    folder = tmp_path / "state"
    with pytest.raises(KeyboardInterrupt):
        Calibrator(model, threads=1, folder=folder, progress=Stops()).calibrate(TEXT, QUICK, sensitivity=True)
    told = Told()
    calibrator = Calibrator(model, threads=1, folder=folder, progress=told)
    found = calibrator.calibrate(TEXT, QUICK, sensitivity=True)
    assert told.stages == ["Measuring each product"]
    fresh = Calibrator(model, threads=1).calibrate(TEXT, QUICK, sensitivity=True)
    assert found.plan == fresh.plan
    assert found.outcome.sensitivity == fresh.outcome.sensitivity
    calibrator.forget()
    assert not folder.exists()


def test_a_budget_that_cannot_hold(model: ModelDirectory) -> None:
    target = Target(dev_set(), Budget(max_drop=-200))
    with pytest.raises(GateError, match="no model was written"):
        Calibrator(model, threads=1).calibrate(TEXT, QUICK, target)


@pytest.fixture(scope="module")
def real(shared_data: Path) -> tuple[ModelDirectory, NamedText, DevText]:
    """The float master of the model in the box, text to calibrate on, and 150 lines of a dev set."""
    folder = shared_data / "multi30k"
    lines = {name: (folder / name).read_text(encoding="utf-8").splitlines() for name in ("val.en", "val.de")}
    dev = DevText("val.en", "val.de", tuple(lines["val.en"][:150]), tuple(lines["val.de"][:150]))
    path = Path(__file__).resolve().parents[3] / "models" / "en-de"
    return ModelDirectory.open(path), NamedText("val.en", tuple(lines["val.en"][150:])), dev


def test_the_real_model_in_int8(real: tuple[ModelDirectory, NamedText, DevText]) -> None:
    model, text, _ = real
    told = Told()
    options = CalibrationOptions(method=Method.MSE, sentences=64, correct_biases=False)
    found = Calibrator(model, threads=1, progress=told).calibrate(text, options)
    assert told.warnings == []
    assert found.float32 == frozenset()
    assert found.outcome.divergence is not None
    assert found.outcome.divergence < 1e-3


def test_the_gate_finds_planted_culprits(
    real: tuple[ModelDirectory, NamedText, DevText], tmp_path: Path
) -> None:
    model, text, dev = real
    tensors = plant_outliers(dict(model.tensors()), model.config)
    path = tmp_path / "hard"
    write_model(
        path,
        config=model.config,
        scheme=Scheme.NONE,
        search=model.search,
        tensors=tensors,
        tokenizer_files=model.tokenizer_paths,
        name="hard",
        source_language="en",
        target_language="de",
        quality={},
    )
    options = CalibrationOptions(method=Method.MSE, sentences=64, correct_biases=False)
    hard = Calibrator(ModelDirectory.open(path), threads=1)
    found = hard.calibrate(text, options, Target(dev, Budget(max_drop=0.1), measurements=20))
    gate, float32 = found.outcome.fallback, found.outcome.dev_float32
    assert gate is not None
    assert float32 is not None
    blind = hard.calibrate(text, dataclasses.replace(QUICK, sentences=64))
    broken = dev.measure(model, lambda: Engine(blind.candidate.model(frozenset()), threads=1), Told())
    assert float32.scores.bleu - broken.scores.bleu > 2
    assert float32.scores.bleu - gate.result.scores.bleu <= 0.1
    worst = sorted(found.outcome.sensitivity, key=lambda s: -s.alone)[:4]
    assert {s.product.rpartition(".")[0] for s in worst} == set(mixed_attentions(model.config))
    assert {name.rpartition(".")[0] for name in gate.float32} >= set(mixed_attentions(model.config))
    assert found.outcome.divergence is not None
    assert found.outcome.divergence <= Budget().max_divergence
