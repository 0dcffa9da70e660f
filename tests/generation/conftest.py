"""Tiny language models that end now and then, and say any byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.generation import LanguageModel
from octavo.model.config import ModelConfig
from octavo.model.scheme import Scheme

from ..models import language_config, random_tensors, tiny_tokenizer, write_tiny_model


def write_language_model(path: Path, scheme: Scheme = Scheme.NONE) -> Path:
    """Of 320 tokens, bytes among them, whose texts end after about 20."""
    config: ModelConfig = language_config(
        source_vocab_size=320, target_vocab_size=320, output_bias=True, suppressed_ids=(0, 1, 2)
    )
    tensors = random_tensors(config, scheme, seed=1)
    tensors["output.bias"] = np.zeros(320, np.float32)
    tensors["output.bias"][config.eos_id] = 3.0
    tokenizer = tiny_tokenizer(path.parent / "bytes.spm", 320, byte_fallback=True)
    return write_tiny_model(
        path,
        config=config,
        scheme=scheme,
        tensors=tensors,
        tokenizer_files=(tokenizer, tokenizer),
        target_language="en",
    )


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_language_model(tmp_path_factory.mktemp("models") / "lm")


@pytest.fixture(scope="session")
def directory(path: Path) -> ModelDirectory:
    return ModelDirectory.open(path)


@pytest.fixture
def model(path: Path) -> Iterator[LanguageModel]:
    with LanguageModel.open(path, threads=1) as opened:
        yield opened
