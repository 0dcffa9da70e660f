"""A small Ray cluster in processes of its own; benchmarks/corpus_ray.py kills parts of one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Run, failed, shards

pytest.importorskip("ray")
pytestmark = pytest.mark.slow

PREDICT = """
import sys
import ray
from octavo.integrations import Predictor, pack_model

ray.init("local", num_cpus=1, include_dashboard=False, log_to_driver=False)
packed = ray.put(pack_model(sys.argv[1]))
rows = ray.data.from_items([{"text": "Bako."}, {"text": "Kofu!"}])
options = {"model": packed, "threads": 1, "beam": 1}
found = rows.map_batches(
    Predictor, fn_constructor_kwargs=options, num_cpus=1, compute=ray.data.ActorPoolStrategy(size=1)
).take_all()
here = Predictor(sys.argv[1], beam=1)
assert [row["translation"] for row in found] == here.translations(["Bako.", "Kofu!"])
"""


def octavo_corpus(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "octavo", "corpus", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def test_a_cluster_makes_the_same_shards(tmp_path: Path, run: Run, model: Path, texts: list[str]) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f'{{"text": "{text}"}}\n' for text in texts) + "{}\n")
    run(path)
    output = tmp_path / "ray"
    options = ["-o", output, "-m", model, "--beam", "1", "--rows-per-shard", "10"]
    done = octavo_corpus(path, *options, "--ray", "local")
    assert done.returncode == 0, done.stderr
    for one, other in zip(shards(output), shards(tmp_path / "out"), strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert failed(output) == failed(tmp_path / "out") == [(26, "the object has no field 'text'")]
    assert run(path, output=output).kept == 3


def test_a_model_comes_from_the_object_store(model: Path) -> None:
    command = [sys.executable, "-c", PREDICT, str(model)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr


def test_an_address_without_a_cluster_is_told(tmp_path: Path, model: Path) -> None:
    (tmp_path / "a.txt").write_text("bako\n")
    done = octavo_corpus(tmp_path / "a.txt", "-o", tmp_path / "out", "-m", model, "--ray", "nowhere:1")
    assert done.returncode == 2, done.stderr
    assert "--ray nowhere:1: no cluster can be reached there" in done.stderr
