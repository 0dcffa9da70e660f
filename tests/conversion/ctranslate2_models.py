"""Tiny models, their exports for CTranslate2, and what is converted back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from octavo.artifact import ModelDirectory
from octavo.conversion import convert, export_ctranslate2
from octavo.conversion.tensor_sources.ctranslate2_file import CTranslate2File
from octavo.engine import Engine, SearchOptions
from octavo.model.config import ModelConfig
from octavo.model.scheme import Scheme

from ..models import synthetic_sentences, tiny_config, write_tiny_model
from .ctranslate2_files import Bfloat16, model_bytes
from .marian import lively_tensors

PRE = tiny_config(max_positions=128, output_bias=True, suppressed_ids=())
SENTENCES = synthetic_sentences(25, seed=9)


def exported(
    path: Path, config: ModelConfig = PRE, dtype: str = "float32", scheme: Scheme = Scheme.NONE
) -> ModelDirectory:
    """A tiny model at ``path``/ours, and what is exported of it at ``path``/theirs."""
    changes = {"tensors": lively_tensors(config, eos_bias=2.0)} if scheme is Scheme.NONE else {}
    write_tiny_model(path / "ours", config=config, scheme=scheme, **changes)
    export_ctranslate2(path / "ours", path / "theirs", dtype=dtype)  # type: ignore[arg-type]
    return ModelDirectory.open(path / "ours")


def converted(path: Path, name: str = "theirs") -> ModelDirectory:
    convert(path / name, path / "again", overwrite=True)
    return ModelDirectory.open(path / "again")


def check_same_tensors(model: ModelDirectory, other: ModelDirectory) -> None:
    assert model.config == other.config
    for name, array in model.tensors():
        np.testing.assert_array_equal(other.tensor(name), array)


def translations(model: ModelDirectory, **options: object) -> list[list[int]]:
    engine = Engine(model, precision="float32", threads=1)
    ids = [np.array(model.tokenizers()[0].encode(line), np.int32) for line in SENTENCES]
    found = engine.translate(ids, SearchOptions(max_length=30, length_margin=30, **options))  # type: ignore[arg-type]
    return [list(map(int, hypotheses[0].tokens)) for hypotheses in found]


def rewrite(path: Path, change: Callable[[dict[str, np.ndarray | Bfloat16]], None], **head: object) -> None:
    """The model.bin in a directory with other variables; aliases become variables."""
    file = CTranslate2File(path / "model.bin")
    found: dict[str, np.ndarray | Bfloat16] = {}
    for name in file.names():
        is_number = not file.shape(name) or name.endswith("_scale")
        found[name] = file._integers(name) if file.kind(name) != "float32" and is_number else file.read(name)
    change(found)
    (path / "model.bin").write_bytes(model_bytes(found, **head))  # type: ignore[arg-type]


def set_number(name: str, value: np.generic) -> Callable[[Path], None]:
    return lambda path: rewrite(path, lambda found: found.update({name: np.asarray(value)}))
