"""CTranslate2's converter takes what Octavo exports, and its engine finds the same translations."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.conversion import convert, export
from octavo.engine import Engine, SearchOptions
from octavo.spec import ModelConfig, NormPlacement, Positions

from ..models import synthetic_sentences, tiny_config, write_tiny_model
from .marian import lively_tensors, marian_config, write_marian

pytest.importorskip("torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("transformers", reason="comparing with CTranslate2 needs octavo[peers]")
    ctranslate2 = pytest.importorskip("ctranslate2", reason="comparing with CTranslate2 needs octavo[peers]")
    from ctranslate2.converters import TransformersConverter

pytestmark = pytest.mark.filterwarnings("ignore")  # theirs

# CTranslate2 normalizes probabilities after it has suppressed tokens, Octavo before: here none are.
PRE = tiny_config(max_positions=128, output_bias=True, suppressed_ids=())
POST = dataclasses.replace(PRE, norm=NormPlacement.POST)

CONFIGS = {
    "pre-norm": PRE,
    "post-norm": POST,
    "post-norm, learned": dataclasses.replace(POST, positions=Positions.LEARNED),
}
SENTENCES = synthetic_sentences(40, seed=9)


def ctranslate2_of(directory: Path, scratch: Path) -> ctranslate2.Translator:
    TransformersConverter(str(directory)).convert(str(scratch))
    return ctranslate2.Translator(str(scratch), compute_type="float32", inter_threads=1, intra_threads=1)


def check_same(model: ModelDirectory, peer: ctranslate2.Translator, names: list[str]) -> None:
    source, _ = model.tokenizers()
    ids = [source.encode(line) for line in SENTENCES]
    config = model.config
    engine = Engine(model, precision="float32", threads=1)
    for beam in (1, 4):
        options = SearchOptions(beam=beam, max_length=30, length_ratio=0.0, length_margin=30)
        ours = engine.translate([np.array(row, np.int32) for row in ids], options)
        theirs = peer.translate_batch(
            [[names[token] for token in (*row, config.eos_id)] for row in ids],
            beam_size=beam,
            length_penalty=1.0,
            min_decoding_length=0,
            max_decoding_length=30,
        )
        expected = [result.hypotheses[0] for result in theirs]
        assert [[names[token] for token in found[0].tokens] for found in ours] == expected
    assert len({tuple(row) for row in expected}) > 3


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_exported_models(config: ModelConfig, tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "ours", config=config, tensors=lively_tensors(config, eos_bias=2.0))
    export(tmp_path / "ours", tmp_path / "theirs")
    model = ModelDirectory.open(tmp_path / "ours")
    names = token_names(model)
    if config.norm is NormPlacement.POST:
        names[0] = "<pad-0>"
    check_same(model, ctranslate2_of(tmp_path / "theirs", tmp_path / "ct2"), names)


def test_converted_and_exported_again(tmp_path: Path) -> None:
    config = marian_config(output_bias=True)
    theirs = write_marian(tmp_path / "theirs", config)
    convert(theirs.path, tmp_path / "ours")
    export(tmp_path / "ours", tmp_path / "again")
    model = ModelDirectory.open(tmp_path / "ours")
    names = token_names(model)[:-1]  # without PAD
    check_same(model, ctranslate2_of(tmp_path / "again", tmp_path / "ct2"), names)


def token_names(model: ModelDirectory) -> list[str]:
    import sentencepiece

    pieces = sentencepiece.SentencePieceProcessor(model_file=str(model.tokenizer_paths[0]))
    return [pieces.id_to_piece(token) for token in range(model.config.target_vocab_size)]
