"""What tests of checkpoints share: a tiny model, its tensors under other names, its pieces."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from octavo.artifact import ModelDirectory
from octavo.conversion import convert
from octavo.conversion.named_transformer import Naming
from octavo.engine import Engine, SearchOptions
from octavo.model.config import ModelConfig

from ..models import synthetic_sentences, tiny_config
from .marian import lively_tensors, piece_names, sentencepiece_model

SENTENCES = synthetic_sentences(15, seed=4)
PIECES = sentencepiece_model(1, 90)
NAMES = piece_names(PIECES)[3:]


def config(**changes: object) -> ModelConfig:
    """A tiny model of these pieces behind four special tokens."""
    size = len(NAMES) + 4
    base = tiny_config(source_vocab_size=size, target_vocab_size=size, output_bias=True, suppressed_ids=())
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def tensors_of(model: ModelConfig, *, biases: bool = True) -> dict[str, np.ndarray]:
    """Random tensors; without ``biases`` those of products are zero."""
    found = lively_tensors(model, eos_bias=2.0)
    for name, array in found.items():
        is_needed = "norm." in name or name == "output.bias"
        if not biases and name.endswith(".bias") and not is_needed:
            array[:] = 0
    return found


def renamed(naming: Naming, tensors: dict[str, np.ndarray], *, biases: bool = True) -> dict[str, np.ndarray]:
    """The tensors under a program's names, without biases that are zero."""
    kept = {n: a for n, a in tensors.items() if biases or a.any() or not n.endswith(".bias")}
    return {naming.theirs(name): array for name, array in kept.items()}


def check_converted(
    path: Path, output: Path, model: ModelConfig, tensors: dict[str, np.ndarray]
) -> ModelDirectory:
    """Convert, and compare configuration, tensors, pieces and that translations differ."""
    convert(path, output, overwrite=True)
    found = ModelDirectory.open(output)
    assert found.config == model
    for name, array in tensors.items():
        np.testing.assert_array_equal(found.tensor(name), array)
    source = found.tokenizers()[0]
    ids = [np.array(source.encode(line), np.int32) for line in SENTENCES]
    assert all(4 + NAMES.index(source._processor.id_to_piece(int(i))) == i for row in ids for i in row)
    translations = Engine(found, precision="float32", threads=1).translate(
        ids, SearchOptions(beam=2, max_length=20)
    )
    assert len({tuple(one[0].tokens) for one in translations}) > 3
    return found
