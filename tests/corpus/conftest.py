"""A tiny model, corpora of a few rows, and runs over them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import octavo
from octavo.corpus.report import Report
from octavo.corpus.run import CorpusRequest, translate_corpus
from octavo.model.scheme import Scheme

from ..models import random_tensors, synthetic_sentences, tiny_config, write_tiny_model

Run = Callable[..., Report]


class Silent:
    """A CorpusProgress that ignores everything."""

    def planned(self, rows: int) -> None:
        """Ignored."""

    def begin(self, rows: int, done: int) -> None:
        """Ignored."""

    def advance(self, rows: int, tokens: int) -> None:
        """Ignored."""


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of random weights that ends its sentences soon."""
    config = tiny_config(encoder_layers=1, decoder_layers=1, max_positions=64, output_bias=True)
    tensors = random_tensors(config, Scheme.INT8_DYNAMIC)
    tensors["output.bias"] = np.zeros(config.target_vocab_size, np.float32)
    tensors["output.bias"][config.eos_id] = 4.0
    folder = tmp_path_factory.mktemp("models") / "tiny"
    return write_tiny_model(folder, scheme=Scheme.INT8_DYNAMIC, config=config, tensors=tensors)


@pytest.fixture(scope="session")
def texts() -> list[str]:
    return synthetic_sentences(25, seed=3)


@pytest.fixture(scope="session")
def translations(model: Path, texts: list[str]) -> list[str]:
    with octavo.load(model) as translator:
        return [found.text for found in translator(texts, beam=1)]


@pytest.fixture
def run(tmp_path: Path, model: Path) -> Run:
    """Runs a corpus into ``tmp_path / "out"`` with shards of 10 rows; options are those of CorpusRequest."""

    def translate(*inputs: object, **options: Any) -> Report:
        defaults: dict[str, Any] = {
            "output": tmp_path / "out",
            "model": model,
            "rows_per_shard": 10,
            "search": {"beam": 1},
        }
        request = CorpusRequest(inputs=[str(each) for each in inputs], **defaults | options)
        return translate_corpus(request, Silent())

    return translate


def shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-*"))


def joined(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in shards(folder))


def failed(folder: Path) -> list[tuple[int, str]]:
    lines = (folder / "failed.jsonl").read_text(encoding="utf-8").splitlines()
    return [(each["row"], each["reason"]) for each in map(json.loads, lines)]
