"""Checkpoints: what comes back, what is kept, what a kill may leave behind."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from octavo import durable
from octavo.reference import Dropout, Transformer
from octavo.training.batches import PairEpoch
from octavo.training.checkpoint import CheckpointStore, Progress, Validation
from octavo.training.corpus import Pair
from octavo.training.optimization import Optimization
from octavo.training.ranks import Ranks
from octavo.training.recipe import AverageRecipe, Recipe, RecipeError
from octavo.training.selection import updates_to_average, validations_since_best

from ..models import tiny_config

RANKS = Ranks(0, 1, torch.device("cpu"))
PAIRS = [Pair([5, 6, 7 + i], [8, 9 + i]) for i in range(8)]


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    store = CheckpointStore(tmp_path)
    store.prepare()
    return store


def optimization(recipe: Recipe) -> Optimization:
    return Optimization(Transformer(tiny_config(), Dropout(residual=0.2)), recipe.training, 1, RANKS)


def go(run: Optimization, updates: range) -> None:
    for update in updates:
        run.update(update, [[0, 1, 2, 3], [4, 5, 6, 7]], PairEpoch(PAIRS, tiny_config()))


@pytest.mark.parametrize("optimizer", ["adam", "muon", "nesterov"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_state_comes_back_whole(
    store: CheckpointStore, recipe: Recipe, optimizer: str, precision: str
) -> None:
    changes = {"optimizer": optimizer, "precision": precision, "sampled_outputs": 12}
    recipe = recipe.model_copy(update={"training": recipe.training.model_copy(update=changes)})
    run = optimization(recipe)
    go(run, range(1, 4))
    progress = Progress(3, 1, 2, 4.5, False, [Validation(2, 0, 3.5, [1.0, 2.0])])
    store.save(run.model, run.optimizer, progress, {"seed": 1})
    again = optimization(recipe)
    assert store.load(again.model, again.optimizer) == (progress, {"seed": 1})
    go(run, range(4, 7))
    go(again, range(4, 7))
    for (name, one), two in zip(
        run.model.state_dict().items(), again.model.state_dict().values(), strict=True
    ):
        assert torch.equal(one, two), name


def test_an_empty_store_has_nothing(store: CheckpointStore, recipe: Recipe) -> None:
    run = optimization(recipe)
    assert store.load(run.model, run.optimizer) is None


def test_old_states_go_and_half_written_ones_are_swept(store: CheckpointStore, recipe: Recipe) -> None:
    run = optimization(recipe)
    for update in range(1, 5):
        go(run, range(update, update + 1))
        store.save(run.model, run.optimizer, Progress(update), {})
    store.save(run.model, run.optimizer, Progress(4, finished=True), {})
    names = ["update-00000003", "update-00000004"]
    assert sorted(p.name for p in store.states.iterdir()) == names
    (store.states / "update-00000005.partial").mkdir()
    (store.snapshots / "update-00000005.safetensors.partial").write_bytes(b"half")
    store.prepare()
    assert sorted(p.name for p in store.states.iterdir()) == names
    assert not list(store.snapshots.iterdir())
    found = store.load(run.model, run.optimizer)
    assert found is not None
    assert found[0].finished


def test_a_kill_while_a_state_is_replaced_loses_nothing(
    store: CheckpointStore, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = optimization(recipe)
    go(run, range(1, 2))
    store.save(run.model, run.optimizer, Progress(1), {"seed": 1})

    def killed(path: Path, files: dict[str, bytes]) -> None:
        beside = path.with_name(path.name + durable.BESIDE)
        beside.mkdir()
        (beside / "weights.safetensors").write_bytes(b"half")
        raise InterruptedError

    with monkeypatch.context() as patched, pytest.raises(InterruptedError):
        patched.setattr(durable, "write_folder", killed)
        store.save(run.model, run.optimizer, Progress(1, finished=True), {"seed": 1})
    store.prepare()
    assert [p.name for p in store.states.iterdir()] == ["update-00000001"]
    assert store.load(run.model, run.optimizer) == (Progress(1), {"seed": 1})
    store.save(run.model, run.optimizer, Progress(1, finished=True), {"seed": 1})
    assert store.load(run.model, run.optimizer) == (Progress(1, finished=True), {"seed": 1})


def test_an_average_of_nothing_is_refused(store: CheckpointStore) -> None:
    with pytest.raises(RecipeError, match="none of the run's validated weights are left to average"):
        store.average([])


@pytest.mark.parametrize("name", ["weights.safetensors", "optimizer.safetensors", "progress.json"])
def test_a_damaged_state_is_named(store: CheckpointStore, recipe: Recipe, name: str) -> None:
    run = optimization(recipe)
    go(run, range(1, 2))
    store.save(run.model, run.optimizer, Progress(1), {})
    path = store.states / "update-00000001" / name
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(RecipeError, match="update-00000001: damaged checkpoint"):
        store.load(run.model, run.optimizer)


def test_snapshots_are_averaged_and_the_others_deleted(store: CheckpointStore) -> None:
    model = Transformer(tiny_config())
    for update in (10, 20, 30):
        with torch.no_grad():
            model.encoder.norm.weight.fill_(update)
        store.save_snapshot(model, update)
    store.keep_snapshots({10, 30})
    assert sorted(p.name for p in store.snapshots.iterdir()) == [
        "update-00000010.safetensors",
        "update-00000030.safetensors",
    ]
    average = store.average([10, 30])
    assert average.keys() == model.state_dict().keys()
    assert average["encoder.norm.weight"].tolist() == [20.0] * 16


def test_the_last_or_the_best_are_averaged() -> None:
    bleu = [1.0, 9.0, 5.0, 9.0, 2.0]
    done = [Validation(i, 0, 10 - b, [b]) for i, b in enumerate(bleu)]
    assert updates_to_average(done, AverageRecipe(count=2), "bleu") == [3, 4]
    assert updates_to_average(done, AverageRecipe(count=3, by="best"), "bleu") == [1, 2, 3]
    assert updates_to_average(done, AverageRecipe(count=9, by="best"), "loss") == [0, 1, 2, 3, 4]
    assert validations_since_best(done, "bleu") == 3
    assert validations_since_best([], "loss") == 0
    unjudged = [Validation(5, 0, 1.0, []), Validation(6, 0, 2.0, []), *done]
    assert validations_since_best(unjudged, "bleu") == 3
    assert updates_to_average(unjudged, AverageRecipe(count=6, by="best"), "bleu") == [0, 1, 2, 3, 4, 5]
