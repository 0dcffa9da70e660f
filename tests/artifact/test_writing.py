"""Writing a model directory: all of it or nothing, and never over something else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from octavo.artifact import ModelDirectory, write_model
from octavo.artifact import writing as writing_module
from octavo.errors import ModelError, OutputError
from octavo.model.plan import dynamic_plan
from octavo.model.scheme import Scheme
from octavo.model.search import SearchDefaults

from ..models import random_tensors, tiny_config, tiny_tokenizer, write_tiny_model
from ..plans import plan_for


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir())


def test_files_of_a_model(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "deep" / "model")
    assert names(path) == ["config.json", "model.safetensors", "quality.json", "tokenizer.spm"]
    assert names(tmp_path / "deep") == ["model"]


def test_files_are_as_readable_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        path = write_tiny_model(tmp_path / "model")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o750
    assert {file.stat().st_mode & 0o777 for file in path.iterdir()} == {0o640}


def test_tokenizer_files_by_name(tmp_path: Path) -> None:
    files = {side: tiny_tokenizer(tmp_path / f"{side}.model") for side in ("source", "target")}
    path = write_tiny_model(tmp_path / "model", tokenizer_files=files)
    assert [file.name for file in ModelDirectory.open(path).tokenizer_paths] == ["source.spm", "target.spm"]


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_tiny_model(tmp_path / name) for name in ("first", "second"))
    for name in names(first):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_arrays_of_any_layout(tmp_path: Path) -> None:
    tensors = {name: np.asfortranarray(array) for name, array in random_tensors(tiny_config()).items()}
    model = ModelDirectory.open(write_tiny_model(tmp_path / "model", tensors=tensors))
    for name, array in model.tensors():
        assert (array == tensors[name]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("encoder.norm.bias"), r"tensor encoder\.norm\.bias is missing"),
        (lambda t: t.update(extra=np.zeros(1, np.float32)), "tensor 'extra' is unexpected"),
        (lambda t: t.update({"encoder.norm.bias": np.zeros(16)}), r"is float64; it must be F32 or F16"),
        (lambda t: t.update({"encoder.norm.bias": np.zeros(8, np.float32)}), r"has shape \[8\]"),
        (lambda t: t["encoder.norm.bias"].fill(np.nan), "holds NaN or infinity"),
        (lambda t: t["encoder.embedding.weight"].fill(-128), "holds -128"),
        (lambda t: t["encoder.embedding.weight_scale"].fill(-1), "holds a negative scale"),
    ],
)
def test_tensors_that_break_the_spec_are_not_written(tmp_path: Path, change: Any, message: str) -> None:
    tensors = random_tensors(tiny_config(), Scheme.INT8_DYNAMIC)
    change(tensors)
    with pytest.raises(ModelError, match=message):
        write_tiny_model(tmp_path / "model", scheme=Scheme.INT8_DYNAMIC, tensors=tensors)
    assert names(tmp_path) == []


def test_other_vocabulary_is_not_written(tmp_path: Path) -> None:
    other = tiny_tokenizer(tmp_path / "other.spm", 80)
    with pytest.raises(ModelError, match="the vocabulary has 80 tokens, the model 96"):
        write_tiny_model(tmp_path / "model", tokenizer_files=(other, other))


@pytest.mark.parametrize(
    "changes", [{"name": ""}, {"source_language": "e n"}, {"quality": {"bleu": float("nan")}}]
)
def test_description_that_breaks_the_spec_is_not_written(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(ModelError):
        write_tiny_model(tmp_path / "model", **changes)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("scheme", "kind", "message"),
    [
        (Scheme.NONE, "full", "scheme none has no quantization plan of its own"),
        (Scheme.INT8_DYNAMIC, "full", "scheme int8-dynamic has no quantization plan of its own"),
        (Scheme.INT8, None, "scheme int8 needs a quantization plan"),
        (Scheme.INT8, "another", r"float32: the model has no product 'encoder\.layers\.2"),
    ],
)
def test_plan_that_does_not_fit_is_not_written(
    tmp_path: Path, scheme: Scheme, kind: str | None, message: str
) -> None:
    plan = plan_for(tiny_config(encoder_layers=3), "paper") if kind == "another" else None
    plan = plan_for(tiny_config(), "full") if kind == "full" else plan
    tokenizer = tiny_tokenizer(tmp_path / "tokenizer.spm")
    with pytest.raises(ModelError, match=message):
        write_model(
            tmp_path / "model", config=tiny_config(), scheme=scheme, search=SearchDefaults(),
            tensors=random_tensors(tiny_config()), tokenizer_files=(tokenizer, tokenizer), name="tiny",
            source_language="en", target_language="de", quality={}, plan=plan,
        )  # fmt: skip
    assert names(tmp_path) == ["tokenizer.spm"]


def test_an_implied_plan_may_be_given(tmp_path: Path) -> None:
    """So that a model can be copied without asking for its scheme."""
    plan = dynamic_plan(tiny_config())
    path = write_tiny_model(tmp_path / "model", scheme=Scheme.INT8_DYNAMIC, plan=plan)
    assert "quantization" not in (path / "config.json").read_text(encoding="utf-8")


def test_existing_path_is_refused(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "model")
    with pytest.raises(OutputError, match="exists already; choose another path, or overwrite it"):
        write_tiny_model(path, seed=1)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="exists already"):
        write_tiny_model(tmp_path / "file")


def test_unwritable_place(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write the model: Not a directory"):
        write_model(
            tmp_path / "file" / "model", config=tiny_config(), scheme=Scheme.NONE, search=None, tensors={},
            tokenizer_files={}, name="", source_language="", target_language="", quality={},
        )  # fmt: skip


def weight(path: Path) -> np.ndarray:
    return ModelDirectory.open(path).tensor("encoder.embedding.weight")


def test_overwrite_replaces_the_model_and_keeps_its_card(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "model")
    (path / "MODEL_CARD.md").write_text("A card.", encoding="utf-8")
    old = weight(path)
    write_tiny_model(path, seed=1, overwrite=True)
    assert (weight(path) != old).any()
    assert (path / "MODEL_CARD.md").read_text(encoding="utf-8") == "A card."
    assert names(tmp_path) == ["model"]


def test_overwrite_of_an_empty_directory(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    assert weight(write_tiny_model(tmp_path / "model", overwrite=True)).shape == (96, 16)


@pytest.mark.parametrize("foreign", ["letters/a.txt", "config.json"])
def test_overwrite_spares_what_is_no_model(tmp_path: Path, foreign: str) -> None:
    (tmp_path / "home" / foreign).parent.mkdir(parents=True)
    (tmp_path / "home" / foreign).write_text("{}", encoding="utf-8")
    with pytest.raises(OutputError, match=r"holds \S+ and is no model, so it is not overwritten"):
        write_tiny_model(tmp_path / "home", overwrite=True)
    assert (tmp_path / "home" / foreign).read_text(encoding="utf-8") == "{}"


def test_overwrite_spares_a_model_with_other_files_in_it(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "model")
    (path / "thesis.tex").touch()
    with pytest.raises(OutputError, match=r"holds thesis\.tex"):
        write_tiny_model(path, overwrite=True)


@pytest.mark.parametrize("step", ["write_tensors", "encode_json", "_move_into_place", "_seal"])
def test_interruption_leaves_the_old_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    path = write_tiny_model(tmp_path / "model")
    old = weight(path)
    monkeypatch.setattr(writing_module, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_tiny_model(path, seed=1, overwrite=True)
    with pytest.raises(KeyboardInterrupt):
        write_tiny_model(tmp_path / "new")
    assert (weight(path) == old).all()
    assert names(tmp_path) == ["model"]


def test_failure_between_the_two_renames_puts_the_old_model_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tiny_model(tmp_path / "model")
    old = weight(path)
    rename = Path.rename

    def fail_for_the_new(self: Path, target: Path) -> Path:
        if self.name.endswith(".new"):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_for_the_new)
    with pytest.raises(OutputError, match="cannot write the model: No space left on device"):
        write_tiny_model(path, seed=1, overwrite=True)
    assert (weight(path) == old).all()


def test_death_between_the_two_renames_is_explained(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "model")
    path.rename(tmp_path / ".model.previous")
    with pytest.raises(
        ModelError, match=r"interrupted replacement left the old model in .*/\.model\.previous"
    ):
        ModelDirectory.open(path)


def test_overwrite_spares_a_read_only_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_tiny_model(tmp_path / "model")
    old = weight(path)
    path.chmod(0o555)
    monkeypatch.setattr(os, "access", lambda at, mode: not (mode & os.W_OK and at == path))  # as for a user
    with pytest.raises(OutputError, match=r"model: is read-only, so it is not overwritten; make it writable"):
        write_tiny_model(path, seed=1, overwrite=True)
    path.chmod(0o755)
    assert (weight(path) == old).all()
    assert names(tmp_path) == ["model"]


def test_an_older_model_that_cannot_be_removed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tiny_model(tmp_path / "model")
    (tmp_path / ".model.previous").mkdir()
    monkeypatch.setattr(writing_module.shutil, "rmtree", lambda *_, **__: None)
    with pytest.raises(OutputError, match=r"/\.model\.previous: an older model that cannot be removed"):
        write_tiny_model(path, seed=1, overwrite=True)


def test_a_writer_removes_what_a_killed_one_has_left(tmp_path: Path) -> None:
    (tmp_path / ".model.0123abcd.new").mkdir()
    (tmp_path / ".model.0123abcd.new" / "model.safetensors").touch()
    write_tiny_model(tmp_path / "model")
    assert names(tmp_path) == ["model"]


OVERWRITE_FOREVER = """
import sys
from pathlib import Path
from octavo.artifact import ModelDirectory, write_model
import numpy as np
path = Path(sys.argv[1])
model = ModelDirectory.open(path)
tensors = dict(model.tensors())
files = [Path(file) for file in sys.argv[2:]]
while True:
    write_model(
        path, config=model.config, scheme=model.scheme, search=model.search, tensors=tensors,
        tokenizer_files=tuple(files), name="killed", source_language="en", target_language="de",
        quality={}, overwrite=True,
    )
    print("written", flush=True)
"""


def test_a_killed_writer_leaves_a_whole_model(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "model")
    tokenizer = str(tiny_tokenizer(tmp_path / "tokenizer.spm"))
    rng = np.random.default_rng(0)
    for _ in range(4):
        command = [sys.executable, "-c", OVERWRITE_FOREVER, str(path), tokenizer, tokenizer]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"written\n"
            time.sleep(rng.uniform(0, 0.05))
            writer.send_signal(signal.SIGKILL)
        previous = tmp_path / ".model.previous"
        if not path.exists():
            previous.rename(path)
        assert ModelDirectory.open(path).name == "killed"
    write_tiny_model(path, overwrite=True)
    assert names(tmp_path) == ["model", "tokenizer.spm"]
