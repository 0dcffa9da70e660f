"""What CTranslate2 makes of models of Transformers is read, and translates as CTranslate2 does."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.conversion import convert
from octavo.engine import Engine, SearchOptions
from octavo.model.scheme import Scheme

from .mixed_text import mixed_lines
from .multilingual import write_multilingual
from .t5 import write_t5

pytest.importorskip("torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    transformers = pytest.importorskip("transformers", reason="this needs octavo[peers]")
    ctranslate2 = pytest.importorskip("ctranslate2", reason="this needs octavo[peers]")
    from ctranslate2.converters import transformers as loaders

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

LINES = mixed_lines(200, seed=11)


def write_ctranslate2(
    path: Path, model: Any, ours: ModelDirectory, quantization: str | None = None, **settings: Any
) -> list[str]:
    """Transformers' model as CTranslate2 converts it, with the vocabulary of ours. Gives its tokens."""
    processor = ours.tokenizers()[0]._processor
    tokens = [processor.id_to_piece(token) for token in range(ours.config.target_vocab_size)]
    spec = loaders._MODEL_LOADERS[type(model.config).__name__].get_model_spec(model)
    spec.register_source_vocabulary(tokens)
    spec.register_target_vocabulary(tokens)
    names = {"eos_token": ours.config.eos_id, "unk_token": ours.config.unk_id}
    names["decoder_start_token"] = ours.config.decoder_start_id
    for key, value in ({key: tokens[token] for key, token in names.items()} | settings).items():
        setattr(spec.config, key, value)
    spec.validate()
    spec.optimize(quantization)
    path.mkdir()
    spec.save(str(path))
    (path / "sentencepiece.model").write_bytes(ours.tokenizer_paths[0].read_bytes())
    return tokens


def check_same(path: Path, model: ModelDirectory, tokens: list[str], codes: tuple[str, str] | None) -> None:
    """200 sentences, greedy and with beam 4."""
    peer = ctranslate2.Translator(str(path), compute_type="float32", inter_threads=1, intra_threads=1)
    source = model.tokenizers()[0]
    ids = {name: token for token, name in enumerate(tokens)}
    before = [ids[codes[0]]] if codes else []
    rows = [[*before, *source.encode(line)[:60]] for line in LINES]
    eos = tokens[model.config.eos_id]
    named = [[*(tokens[token] for token in row), eos] for row in rows]
    engine = Engine(model, precision="float32", threads=1)
    for beam in (1, 4):
        options = SearchOptions(
            beam=beam, length_penalty=1.0, max_length=40, length_ratio=0.0, length_margin=40
        )
        forced = [[ids[codes[1]]]] * len(rows) if codes else None
        ours = engine.translate([np.array(row, np.int32) for row in rows], options, target_prefixes=forced)
        theirs = peer.translate_batch(
            named,
            target_prefix=[[codes[1]]] * len(rows) if codes else None,
            beam_size=beam,
            length_penalty=1.0,
            min_decoding_length=0,
            max_decoding_length=40,
        )
        found = [[tokens[token] for token in one[0].tokens] for one in ours]
        assert found == [one.hypotheses[0] for one in theirs]
    assert len({tuple(row) for row in found}) > 10


@pytest.mark.parametrize("kind", ["m2m100", "nllb", "mbart50"])
def test_models_of_many_languages(tmp_path: Path, kind: str) -> None:
    peer = write_multilingual(tmp_path / "hf", kind)
    peer.model.config.normalize_before = True  # as published configurations of mBART say
    if kind == "mbart50":
        # Directly after forced tokens CTranslate2's beam ends only where EOS is the likeliest: rare here.
        peer.model.final_logits_bias[0, 2] = -4.0
        peer.model.save_pretrained(peer.path)
    convert(peer.path, tmp_path / "hf-ours")
    ours = ModelDirectory.open(tmp_path / "hf-ours")
    tokens = write_ctranslate2(tmp_path / "ct2", peer.model, ours)
    convert(tmp_path / "ct2", tmp_path / "ct2-ours")
    again = ModelDirectory.open(tmp_path / "ct2-ours")
    assert again.languages is not None
    assert ours.languages is not None
    assert set(again.languages.codes) <= set(ours.languages.codes)
    assert again.languages.source_prefix == ours.languages.source_prefix
    assert again.config.source_eos
    check_same(tmp_path / "ct2", again, tokens, (peer.source, peer.target))


@pytest.mark.parametrize("gated", [False, True])
def test_t5(tmp_path: Path, gated: bool) -> None:
    changes = {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False} if gated else {}
    path = write_t5(tmp_path / "hf", **changes)
    convert(path, tmp_path / "hf-ours")
    ours = ModelDirectory.open(tmp_path / "hf-ours")
    model = transformers.T5ForConditionalGeneration.from_pretrained(path).eval()
    model.config.tie_word_embeddings = not gated  # version 5 of Transformers means another thing by it
    tokens = write_ctranslate2(tmp_path / "ct2", model, ours)
    convert(tmp_path / "ct2", tmp_path / "ct2-ours")
    again = ModelDirectory.open(tmp_path / "ct2-ours")
    assert again.scheme is Scheme.NONE
    for name, array in ours.tensors():
        np.testing.assert_allclose(again.tensor(name), array, rtol=1e-6)
    check_same(tmp_path / "ct2", again, tokens, None)
