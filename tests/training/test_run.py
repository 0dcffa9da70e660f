"""Whole runs: the model directory, going on, stopping, several processes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch

from octavo import durable
from octavo.artifact import ModelDirectory
from octavo.errors import OutputError
from octavo.reference import SearchOptions, from_arrays, search
from octavo.training.checkpoint import CheckpointStore, Progress
from octavo.training.display import Display
from octavo.training.interrupt import Interrupt, Interrupted
from octavo.training.ranks import Ranks
from octavo.training.recipe import RecipeError
from octavo.training.recipe_file import read_recipe
from octavo.training.run import train
from octavo.training.trainer import Trainer

from .processes import start_training


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def newest(run: Path, name: str) -> Path:
    return max(run.glob("checkpoints/update-*")) / name


def test_two_runs_in_one_folder_are_refused(recipe_path: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    message = (
        rf"run: another process \({os.getpid()}\) is at work there; wait for it to end, or choose another"
    )
    with durable.locked(tmp_path / "run"), pytest.raises(OutputError, match=message):
        train(recipe_path, tmp_path / "run")
    assert {entry.name for entry in (tmp_path / "run").iterdir()} == {durable.LOCK}


def test_a_run_learns_and_writes_a_model_that_opens(recipe_path: Path, tmp_path: Path) -> None:
    edit(recipe_path, "max_updates = 40", "max_updates = 90\nlabel_smoothing = 0")
    edit(recipe_path, "seed = 7", 'seed = 7\ndtype = "float16"')
    path = train(recipe_path, tmp_path / "run")
    model = ModelDirectory.open(path)
    losses = [
        v["loss"]
        for v in json.loads(newest(tmp_path / "run", "progress.json").read_text())["progress"]["validations"]
    ]
    assert losses[-1] < 0.8 * losses[0]
    assert [
        tensor.dtype for _, tensor in safetensors.numpy.load_file(path / "model.safetensors").items()
    ] == [np.float16] * len(list(model.tensor_names()))
    assert model.quality["training"]["averaged_updates"] == [60, 75, 90]
    assert model.quality["dev"][0]["sentences"] == 4
    reference = from_arrays(model.config, dict(model.tensors()))
    assert search(reference, [[5, 6, 7]], SearchOptions())[0][0].tokens
    averaged = model.tensor("encoder.norm.weight")
    parts = [
        safetensors.numpy.load_file(tmp_path / f"run/snapshots/update-{u:08d}.safetensors")[
            "encoder.norm.weight"
        ]
        for u in (60, 75, 90)
    ]
    np.testing.assert_array_equal(
        averaged, np.mean(parts, axis=0, dtype=np.float64).astype(np.float32).astype(np.float16)
    )


def test_a_longer_limit_goes_on_and_another_recipe_is_refused(recipe_path: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(recipe_path, run)
    edit(recipe_path, "max_updates = 40", "max_updates = 50")
    train(recipe_path, run)
    assert newest(run, "").name == "update-00000050"
    edit(recipe_path, "peak = 0.01", "peak = 0.02")
    with pytest.raises(RecipeError, match=r"another training\.schedule"):
        train(recipe_path, run)
    edit(recipe_path, "peak = 0.02", "peak = 0.01")
    (tmp_path / "train.bb").write_text((tmp_path / "train.aa").read_text())
    with pytest.raises(RecipeError, match="another training text"):
        train(recipe_path, run)


def test_a_state_is_written_once(recipe_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A validation saves, and with checkpoint_minutes = 0 (or Ctrl-C) the update would again at once."""
    saved: list[int] = []
    save = CheckpointStore.save

    def noted(store: CheckpointStore, model: Any, optimizer: Any, progress: Progress, identity: Any) -> None:
        saved.append(progress.update)
        save(store, model, optimizer, progress, identity)

    monkeypatch.setattr(CheckpointStore, "save", noted)
    train(recipe_path, tmp_path / "run")
    assert saved == list(range(1, 41))


def test_a_limit_below_an_unvalidated_state_validates_it(recipe_path: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    stop = Interrupt()
    stop.requested = True
    with Display(run, 40, quiet=True) as display, pytest.raises(Interrupted):
        Trainer(read_recipe(recipe_path), run, Ranks(0, 1, torch.device("cpu")), display).run(stop)
    edit(recipe_path, "max_updates = 40", "max_updates = 1")
    model = ModelDirectory.open(train(recipe_path, run))
    assert model.quality["training"]["averaged_updates"] == [1]
    progress = json.loads(newest(run, "progress.json").read_text())["progress"]
    assert [v["update"] for v in progress["validations"]] == [1]


def test_an_ended_run_is_exported_again_from_what_is_kept(
    recipe_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    edit(recipe_path, "every_updates = 15", "every_updates = 8")
    train(recipe_path, run)
    assert "no longer kept" not in capsys.readouterr().err

    def averaged(count: int, by: str) -> list[int]:
        text = re.sub(r"(?<=average]\n)(.+\n)+", f'count = {count}\nby = "{by}"\n', recipe_path.read_text())
        recipe_path.write_text(text)
        updates: list[int] = ModelDirectory.open(train(recipe_path, run)).quality["training"][
            "averaged_updates"
        ]
        return updates

    assert averaged(2, "last") == [32, 40]
    assert averaged(5, "best") == [24, 32, 40]
    said = "averaging updates [24, 32, 40]; the weights of [8, 16] are no longer kept"
    assert said in capsys.readouterr().err.splitlines()
    for path in run.glob("snapshots/*"):
        path.unlink()
    with pytest.raises(RecipeError, match="snapshots: none of the run's validated weights are left"):
        train(recipe_path, run)


def test_a_vocabulary_is_of_its_recipe_and_text(recipe_path: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()

    def made() -> tuple[int, bytes]:
        with Display(run, 40, quiet=True) as display:
            trainer = Trainer(read_recipe(recipe_path), run, Ranks(0, 1, torch.device("cpu")), display)
        return trainer.config.source_vocab_size, (run / "tokenizer.spm").read_bytes()

    first = made()
    assert first == made()
    edit(recipe_path, "size = 80", "size = 70")
    assert made()[0] == 70
    edit(recipe_path, "size = 70", "size = 80")
    assert made() == first
    text = (tmp_path / "train.aa").read_text()
    (tmp_path / "train.aa").write_text(text.replace("a", "e"))
    assert made() != first
    (tmp_path / "train.aa").write_text(text)
    (run / "tokenizer.spm").write_bytes(b"of another run")
    assert made() == first


def test_a_run_keeps_its_vocabulary(recipe_path: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(recipe_path, run)
    noted = json.loads(newest(run, "progress.json").read_text())["identity"]
    tokenizer = (run / "tokenizer.spm").read_bytes()
    assert noted["tokenizer.spm"] == hashlib.sha256(tokenizer).hexdigest()
    edit(recipe_path, "size = 80", "size = 70")
    with pytest.raises(RecipeError, match=r"began with another vocabulary .*'size': 80.*'size': 70"):
        train(recipe_path, run)
    edit(recipe_path, "size = 70", "size = 80")
    (run / "tokenizer.spm").write_bytes(tokenizer + b" ")
    with pytest.raises(RecipeError, match=r"began with another tokenizer\.spm"):
        train(recipe_path, run)
    (run / "tokenizer.spm").write_bytes(tokenizer)
    (run / "vocabulary.json").unlink()
    with pytest.raises(RecipeError, match=r"vocabulary\.json: missing or damaged"):
        train(recipe_path, run)
    assert (run / "tokenizer.spm").read_bytes() == tokenizer


def test_patience_ends_a_run(recipe_path: Path, tmp_path: Path) -> None:
    edit(recipe_path, "max_updates = 40", "max_updates = 4000")
    edit(recipe_path, "peak = 0.01", "peak = 1e-9")  # nothing gets better
    edit(recipe_path, "every_updates = 15", 'every_updates = 3\nmetric = "bleu"\npatience = 2')
    train(recipe_path, tmp_path / "run")
    progress = json.loads(newest(tmp_path / "run", "progress.json").read_text())["progress"]
    assert (progress["update"], progress["finished"]) == (9, True)


def test_divergence_is_an_error_and_is_not_saved(recipe_path: Path, tmp_path: Path) -> None:
    edit(recipe_path, "peak = 0.01", "peak = 1e38")
    with pytest.raises(RecipeError, match=r"training diverged: .* lower training\.schedule\.peak"):
        train(recipe_path, tmp_path / "run")
    for path in tmp_path.glob("run/checkpoints/*/weights.safetensors"):
        assert all(np.isfinite(array).all() for array in safetensors.numpy.load_file(path).values())


def test_a_run_leaves_lines_and_tensorboard_scalars(
    recipe_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(recipe_path, tmp_path / "run")
    shown = capsys.readouterr().err.splitlines()
    assert shown[0] == "reading the training text"
    assert shown[1].startswith("making a vocabulary of 80 pieces from 240 lines")
    assert shown[2].startswith("120 pairs (0 left out as empty or too long), 80 target tokens")
    assert [line.split(":")[0] for line in shown[3:6]] == [
        f"dev at update {update}, epoch {epoch}" for update, epoch in ((15, 3), (30, 5), (40, 7))
    ]
    assert shown[-1] == f"model written to {tmp_path / 'run/model'}"
    events = EventAccumulator(str(tmp_path / "run/tensorboard")).Reload()
    assert [event.step for event in events.Scalars("dev/loss")] == [15, 30, 40]


def test_the_loss_alone_needs_no_translation_and_the_metric_may_change(
    recipe_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    edit(recipe_path, "every_updates = 15", 'every_updates = 15\nmetric = "loss"')
    with monkeypatch.context() as patch:
        patch.setattr("octavo.training.translation.dev_bleu", None)
        edit(recipe_path, "max_updates = 40", "max_updates = 30")
        with pytest.raises(TypeError):  # the figures of the exported model, which have BLEU
            train(recipe_path, run)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("dev at update")]
    assert len(lines) == 2 and not any("BLEU" in line for line in lines)
    edit(recipe_path, 'metric = "loss"', 'metric = "bleu"\npatience = 1')
    edit(recipe_path, "max_updates = 30", "max_updates = 45")
    train(recipe_path, run)
    progress = json.loads(newest(run, "progress.json").read_text())["progress"]
    assert [len(v["bleu"]) for v in progress["validations"]] == [0, 0, 1]


def test_a_validation_each_epoch(recipe_path: Path, tmp_path: Path) -> None:
    edit(recipe_path, "every_updates = 15", "every_updates = 0")
    train(recipe_path, tmp_path / "run")
    progress = json.loads(newest(tmp_path / "run", "progress.json").read_text())["progress"]
    epochs = [v["epoch"] for v in progress["validations"]]
    assert epochs[:-1] == list(range(1, len(epochs)))
    assert progress["validations"][-1]["update"] == 40


@pytest.mark.parametrize("quantize", [False, True], ids=["float", "quantized"])
def test_two_processes_agree_with_one(
    recipe_path: Path, tmp_path: Path, trained_model: Path, quantize: bool
) -> None:
    if quantize:  # a value that is rounded the other way moves more than a last bit
        edit(recipe_path, "max_updates = 40", "max_updates = 3")
    start = {"init": trained_model, "quantize": True} if quantize else {}
    train(recipe_path, tmp_path / "one", **start)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port} | start
    ranks = [start_training(recipe_path, tmp_path / "two", RANK=str(i), **group) for i in range(2)]
    for process in ranks:
        process.join(120)
        assert process.exitcode == 0
    one, two = (
        safetensors.numpy.load_file(newest(tmp_path / run, "weights.safetensors")) for run in ("one", "two")
    )
    assert one.keys() == two.keys()
    for name, weights in one.items():
        np.testing.assert_allclose(two[name], weights, rtol=1e-5, atol=1e-6, err_msg=name)


def test_processes_must_share_the_micro_batches(recipe_path: Path, tmp_path: Path) -> None:
    with Display(tmp_path, 1, quiet=True) as display, pytest.raises(RecipeError, match="3 processes"):
        Trainer(read_recipe(recipe_path), tmp_path, Ranks(0, 3, torch.device("cpu")), display)


def test_control_c_keeps_the_work_and_says_how_to_go_on(recipe_path: Path, tmp_path: Path) -> None:
    edit(recipe_path, "max_updates = 40", "max_updates = 100000")
    edit(recipe_path, "checkpoint_minutes = 0", "checkpoint_minutes = 60")
    run = tmp_path / "run"
    command = [sys.executable, "-m", "octavo", "train", str(recipe_path), "--output", str(run)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        deadline = time.monotonic() + 60
        while not list(run.glob("snapshots/*")) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, shown = process.communicate(timeout=60)
    assert process.returncode == 130
    stopped = json.loads(newest(run, "progress.json").read_text())["progress"]["update"]
    assert stopped >= 15
    assert f"Stopped after update {stopped}, checkpoint written; the same command goes on from there" in shown
