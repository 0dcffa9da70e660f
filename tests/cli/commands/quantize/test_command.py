"""``octavo quantize``: what it writes and prints, and what it refuses."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.cli.commands.quantize.options import MethodName
from octavo.model.plan import QuantizationPlan
from octavo.model.scheme import Scheme
from octavo.quantization.thresholds import Method

from ....models import synthetic_sentences, tiny_config, write_tiny_model
from ...conftest import COMMAND, ENVIRONMENT, Octavo
from ...test_bad_input import message

CONFIG = tiny_config(encoder_layers=1, decoder_layers=1, max_positions=256)
QUICK = ("--method", "naive", "--inputs", "static", "--no-smooth", "--no-bias-correction", "-t", "1")


def test_every_threshold_method_can_be_asked_for() -> None:
    assert set(get_args(MethodName)) == {"auto", *Method}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(
        tmp_path_factory.mktemp("models") / "float", config=CONFIG, quality={"dev": {"bleu": 12.5}}
    )


@pytest.fixture
def text(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "text.en", synthetic_sentences(30))


@pytest.fixture
def dev(tmp_path: Path) -> tuple[Path, Path]:
    source = write_lines(tmp_path / "dev.en", synthetic_sentences(20, 1))
    return source, write_lines(tmp_path / "dev.de", synthetic_sentences(20, 2))


def write_lines(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_without_calibration_inputs_are_quantized_per_token(
    octavo_here: Octavo, model: Path, tmp_path: Path
) -> None:
    done = octavo_here("quantize", model, "-o", "out")
    assert done.returncode == 0, done.stderr.decode()
    assert b"Wrote out" in done.stdout
    assert ModelDirectory.open(tmp_path / "out").scheme is Scheme.INT8_DYNAMIC


def test_a_calibrated_model(octavo_here: Octavo, model: Path, text: Path, tmp_path: Path) -> None:
    done = octavo_here("quantize", model, "--calibrate", text, *QUICK, "-o", "out")
    assert done.returncode == 0, done.stderr.decode()
    assert b"Products in int8" in done.stdout
    written = ModelDirectory.open(tmp_path / "out")
    assert written.scheme is Scheme.INT8
    assert written.plan is not None
    assert written.plan.float32 == frozenset()
    assert written.quality["float_model"] == {"dev": {"bleu": 12.5}}
    record = written.quality["calibration"]
    assert record["calibration"]["method"] == "naive"
    assert record["divergence"] > 0
    assert not (tmp_path / ".out.calibration").exists()
    assert octavo_here("translate", "-m", "out", "Bako tire.").returncode == 0


def test_the_gate_and_the_report(
    octavo_here: Octavo, model: Path, text: Path, dev: tuple[Path, Path], tmp_path: Path
) -> None:
    judged = ("--dev", *dev, "--max-drop", "100", "--metric", "chrf", "--report", "report.html")
    done = octavo_here("quantize", model, "--calibrate", text, *QUICK, *judged, "-o", "out")
    assert done.returncode == 0, done.stderr.decode()
    assert b"kept: at most 100 chrF lost" in done.stdout
    report = ModelDirectory.open(tmp_path / "out").quality["calibration"]
    assert report["verdict"]["metric"] == "chrf"
    assert len(report["configurations"]) == 15
    assert len(report["sensitivity"]) == report["model"]["products"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>")


def test_a_perfect_score_is_kept_by_products_in_float32(
    octavo_here: Octavo, model: Path, text: Path, tmp_path: Path
) -> None:
    source = write_lines(tmp_path / "dev.en", synthetic_sentences(20, 1))
    octavo_here("translate", "-m", model, "-i", source, "-o", tmp_path / "dev.de")  # so float32 scores 100
    judged = ("--dev", source, tmp_path / "dev.de", "--max-drop", "0")
    done = octavo_here("quantize", model, "--calibrate", text, *QUICK, *judged, "-o", "out")
    assert done.returncode == 0, done.stderr.decode()
    assert b"to keep the budget" in done.stdout
    verdict = ModelDirectory.open(tmp_path / "out").quality["calibration"]["verdict"]
    assert verdict["drop"]["points"] == 0


def test_a_plan_from_a_file(octavo_here: Octavo, model: Path, text: Path, tmp_path: Path) -> None:
    octavo_here("quantize", model, "--calibrate", text, *QUICK, "--float32", "output", "-o", "first")
    plan = ModelDirectory.open(tmp_path / "first").plan
    assert plan is not None
    (tmp_path / "plan.json").write_text(json.dumps(plan.to_dict()))
    done = octavo_here("quantize", model, "--plan", "plan.json", "-o", "second", "-t", "1")
    assert done.returncode == 0, done.stderr.decode()
    assert ModelDirectory.open(tmp_path / "second").plan == plan
    first, second = (tmp_path / name / "model.safetensors" for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_the_same_call_writes_the_same_model(
    octavo_here: Octavo, model: Path, text: Path, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        octavo_here("quantize", model, "--calibrate", text, "--method", "mse", "-o", name)
    for part in ("config.json", "model.safetensors"):
        assert (tmp_path / "one" / part).read_bytes() == (tmp_path / "two" / part).read_bytes()


def test_a_killed_run_goes_on(octavo_here: Octavo, model: Path, text: Path, tmp_path: Path) -> None:
    arguments = ["quantize", str(model), "--calibrate", str(text), "-t", "1", "-o"]
    state = tmp_path / ".killed.calibration"
    with subprocess.Popen([*COMMAND, *arguments, "killed"], cwd=tmp_path, env=ENVIRONMENT) as process:
        deadline = time.monotonic() + 60
        while not list(state.glob("divergence-*.json")) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
    kept = {path.name: path.stat().st_mtime_ns for path in state.glob("*.json")}
    if process.returncode == -signal.SIGKILL:  # it may have been quicker
        assert kept
        assert not (tmp_path / "killed").exists()
        assert octavo_here(*arguments, "killed").returncode == 0
    assert not state.exists()
    assert octavo_here(*arguments, "whole").returncode == 0
    for part in ("config.json", "model.safetensors"):
        assert (tmp_path / "killed" / part).read_bytes() == (tmp_path / "whole" / part).read_bytes()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "text.en: holds no text"),
        (synthetic_sentences(3), "text.en: only 3 different sentences fit the model"),
        (
            [f"Человек едет на велосипеде, {i}" for i in range(40)],
            "text.en: the model does not know 100% of its characters",
        ),
    ],
)
def test_bad_calibration_text(
    octavo_here: Octavo, model: Path, tmp_path: Path, lines: list[str], words: str
) -> None:
    write_lines(tmp_path / "text.en", lines)
    assert words in message(octavo_here("quantize", model, "--calibrate", "text.en", "-o", "out"))
    assert not (tmp_path / "out").exists()


def test_text_that_the_model_is_unsure_of_is_warned_of(octavo_here: Octavo, model: Path, text: Path) -> None:
    done = octavo_here("quantize", model, "--calibrate", text, *QUICK, "-o", "out")
    assert b"octavo: " in done.stderr
    assert b"the model is unsure of this text" in done.stderr  # a random model knows no language


def test_weights_that_are_not_finite(octavo_here: Octavo, model: Path, text: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    broken = shutil.copytree(model, tmp_path / "broken")
    tensors = load_file(broken / "model.safetensors")
    tensors["encoder.layers.0.feed_forward.inner.weight"][3, 5] = np.nan
    save_file(tensors, broken / "model.safetensors")
    config = json.loads((broken / "config.json").read_text())
    config["tensors"] = entry(broken / "model.safetensors")
    (broken / "config.json").write_text(json.dumps(config))
    done = octavo_here("quantize", broken, "--calibrate", text, "-o", "out")
    assert "encoder.layers.0.feed_forward.inner.weight" in message(done)


def entry(path: Path) -> dict[str, object]:
    from octavo.artifact.checksum import FileEntry

    return FileEntry.of(path).to_dict()


def test_a_quantized_model(octavo_here: Octavo, int8_model: Path, text: Path) -> None:
    done = octavo_here("quantize", int8_model, "--calibrate", text, "-o", "out")
    assert "is quantized already" in message(done)


def test_an_output_that_exists(octavo_here: Octavo, model: Path, text: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert "out exists" in message(octavo_here("quantize", model, "--calibrate", text, "-o", "out"))


def test_dev_files_of_unequal_length(
    octavo_here: Octavo, model: Path, text: Path, dev: tuple[Path, Path], tmp_path: Path
) -> None:
    short = write_lines(tmp_path / "short.de", synthetic_sentences(19))
    done = octavo_here("quantize", model, "--calibrate", text, "--dev", dev[0], short, "-o", "out")
    assert "dev.en has 20 lines" in message(done)
    assert "short.de 19" in message(done)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--dev", "a", "b"], "add --calibrate"),
        (["--method", "mse"], "--method says how to calibrate; add --calibrate"),
        (["--no-smooth"], "--smooth says how to calibrate"),
        (["--calibrate", "text.en", "--plan", "plan.json"], "give one of them"),
        (["--calibrate", "text.en", "--report", "r.html"], "--report needs a dev set"),
        (["--calibrate", "text.en", "--max-drop", "1"], "--max-drop needs a dev set"),
        (["--calibrate", "text.en", "--method", "guess"], "--method"),
        (["--calibrate", "text.en", "--sentences", "3"], "at least 16"),
        (["--calibrate", "nowhere.en"], "nowhere.en: cannot be read"),
        (["--calibrate", "text.en", "--float32", "head"], "the model has no product 'head'"),
        (["--plan", "text.en"], "text.en: no quantization plan"),
    ],
)
def test_options_that_make_no_sense(
    octavo_here: Octavo, model: Path, text: Path, options: list[str], words: str
) -> None:
    assert words in message(octavo_here("quantize", model, "-o", "out", *options))


def test_a_plan_of_another_model(octavo_here: Octavo, model: Path, tmp_path: Path) -> None:
    plan = QuantizationPlan(frozenset({"decoder.layers.9.feed_forward.outer"}), {}, {})
    (tmp_path / "plan.json").write_text(json.dumps(plan.to_dict()))
    done = octavo_here("quantize", model, "--plan", "plan.json", "-o", "out")
    assert "the plan does not fit" in message(done)


def test_a_report_that_cannot_be_written_is_told_at_once(
    octavo_here: Octavo, model: Path, text: Path, dev: tuple[Path, Path]
) -> None:
    judged = ("--dev", *dev, "--report", "nowhere/report.html")
    done = octavo_here("quantize", model, "--calibrate", text, *judged, "-o", "out")
    assert "there is no directory nowhere" in message(done)


def test_a_report_does_not_replace_what_is_read(
    octavo_here: Octavo, model: Path, text: Path, dev: tuple[Path, Path]
) -> None:
    judged = ("--dev", *dev, "--report", dev[0])
    done = octavo_here("quantize", model, "--calibrate", text, *judged, "-o", "out")
    assert "is read by this very command" in message(done)


@pytest.mark.parametrize(
    ("references", "words"),
    [([""] * 20, "20 of 20 lines are blank"), (["苹果和书"] * 20, "cannot show what int8 loses")],
)
def test_references_that_nothing_can_be_judged_by(
    octavo_here: Octavo,
    model: Path,
    text: Path,
    dev: tuple[Path, Path],
    tmp_path: Path,
    references: list[str],
    words: str,
) -> None:
    useless = write_lines(tmp_path / "useless.de", references)
    done = octavo_here("quantize", model, "--calibrate", text, *QUICK, "--dev", dev[0], useless, "-o", "out")
    assert words in message(done)
    assert not (tmp_path / "out").exists()


def test_judging_by_the_calibration_text_is_warned_of(
    octavo_here: Octavo, model: Path, text: Path, dev: tuple[Path, Path]
) -> None:
    judged = ("--dev", *dev, "--max-drop", "100")
    done = octavo_here("quantize", model, "--calibrate", dev[0], *QUICK, *judged, "-o", "out")
    assert b"are in" in done.stderr
    assert b"Use other text" in done.stderr


def test_an_output_below_a_file(octavo_here: Octavo, model: Path, text: Path) -> None:
    done = octavo_here("quantize", model, "--calibrate", text, *QUICK, "-o", "text.en/out")
    assert "cannot be written" in message(done)
