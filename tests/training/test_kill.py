"""A run killed at any moment goes on and ends with the same bits."""

from __future__ import annotations

import json
import random
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from .processes import start_training

KILLS = 20
UPDATES = 170


def newest_update(run: Path) -> int:
    """The newest checkpoint's update; 0 for none."""
    found = [p.name for p in run.glob("checkpoints/update-????????")]
    return max((int(name.removeprefix("update-")) for name in found), default=0)


def finish(process: BaseProcess) -> None:
    process.join(60)
    assert process.exitcode == 0


def outcome(run: Path) -> tuple[dict[str, bytes], dict[str, Any]]:
    """All that must be equal: weights, moments, snapshots and the model; and what the run noted."""
    state = run / "checkpoints" / f"update-{UPDATES:08d}"
    noted = json.loads((state / "progress.json").read_text())
    del noted["progress"]["seconds"]
    files = [
        *state.glob("*.safetensors"),
        *run.glob("snapshots/*"),
        *run.glob("model/*.s*"),
        run / "tokenizer.spm",
    ]
    return {str(file.relative_to(run)): file.read_bytes() for file in files}, noted


def test_twenty_kills_change_no_bit(recipe_path: Path, tmp_path: Path) -> None:
    text = recipe_path.read_text().replace("max_updates = 40", f"max_updates = {UPDATES}")
    recipe_path.write_text(text)
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    finish(start_training(recipe_path, undisturbed))

    draw = random.Random(5)
    for _ in range(KILLS):
        process = start_training(recipe_path, killed)
        # From the first milliseconds to some updates later, at any point of one.
        goal = newest_update(killed) + draw.choice([0, 1, 2, 4, 7])
        while newest_update(killed) < goal and process.is_alive():
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.1))
        assert process.is_alive(), "the run ended before its kill: let it have more updates"
        process.kill()
        process.join()
    assert newest_update(killed) < UPDATES
    finish(start_training(recipe_path, killed))

    files, noted = outcome(killed)
    expected_files, expected_noted = outcome(undisturbed)
    assert noted == expected_noted
    assert files.keys() == expected_files.keys()
    assert {name for name in files if files[name] != expected_files[name]} == set()
