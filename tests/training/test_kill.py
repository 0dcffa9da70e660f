"""A run killed at any moment goes on and ends with the same bits."""

from __future__ import annotations

import json
import random
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from .processes import start_training


def newest_update(run: Path) -> int:
    """The newest checkpoint's update; 0 for none."""
    found = [p.name for p in run.glob("checkpoints/update-????????")]
    return max((int(name.removeprefix("update-")) for name in found), default=0)


def finish(process: BaseProcess) -> None:
    process.join(60)
    assert process.exitcode == 0


def outcome(run: Path, updates: int) -> tuple[dict[str, bytes], dict[str, Any]]:
    """All that must be equal: weights, moments, snapshots, model and plan; and what the run noted."""
    state = run / "checkpoints" / f"update-{updates:08d}"
    noted = json.loads((state / "progress.json").read_text())
    del noted["progress"]["seconds"]
    files = [
        *state.glob("*.safetensors"),
        *run.glob("snapshots/*"),
        *run.glob("model/*.s*"),
        *run.glob("plan.json"),
        run / "tokenizer.spm",
    ]
    return {str(file.relative_to(run)): file.read_bytes() for file in files}, noted


def check_kills(recipe_path: Path, folder: Path, kills: int, updates: int, **start: Any) -> None:
    """A run killed that many times in its first ``updates`` updates equals one left alone."""
    text = recipe_path.read_text().replace("max_updates = 40", f"max_updates = {updates}")
    recipe_path.write_text(text)
    undisturbed, killed = folder / "undisturbed", folder / "killed"
    finish(start_training(recipe_path, undisturbed, **start))

    draw = random.Random(5)
    for _ in range(kills):
        process = start_training(recipe_path, killed, **start)
        # From the first milliseconds to some updates later, at any point of one.
        goal = newest_update(killed) + draw.choice([0, 1, 2, 4, 7])
        while newest_update(killed) < goal and process.is_alive():
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.1))
        assert process.is_alive(), "the run ended before its kill: let it have more updates"
        process.kill()
        process.join()
    assert newest_update(killed) < updates
    finish(start_training(recipe_path, killed, **start))

    files, noted = outcome(killed, updates)
    expected_files, expected_noted = outcome(undisturbed, updates)
    assert noted == expected_noted
    assert files.keys() == expected_files.keys()
    assert {name for name in files if files[name] != expected_files[name]} == set()


def test_twenty_kills_change_no_bit(recipe_path: Path, tmp_path: Path) -> None:
    check_kills(recipe_path, tmp_path, kills=20, updates=170)


def test_kills_change_no_bit_of_a_quantized_run(
    recipe_path: Path, tmp_path: Path, trained_model: Path
) -> None:
    check_kills(recipe_path, tmp_path, kills=6, updates=60, init=trained_model, quantize=True)
    assert (tmp_path / "killed" / "plan.json").is_file()
