"""Checkpoints of fairseq become models, old and new; FSMT of Transformers, the same arithmetic, agrees."""

from __future__ import annotations

import argparse
import dataclasses
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.conversion import ConversionError, convert
from octavo.conversion.families import fairseq, family_of
from octavo.engine import Engine, SearchOptions
from octavo.model.config import NormPlacement, Positions

from .checkpoints import NAMES, PIECES, SENTENCES, check_converted, config, renamed, tensors_of

torch = pytest.importorskip("torch")

MODEL = config(
    pad_id=1, eos_id=2, unk_id=3, decoder_start_id=2, suppressed_ids=(1,), output_bias=False,
    norm=NormPlacement.POST, positions=Positions.TENSOR2TENSOR, position_offset=2, max_positions=1024,
)  # fmt: skip
OPTIONS = {
    "arch": "transformer",
    "source_lang": "en",
    "target_lang": "de",
    "encoder_attention_heads": MODEL.attention_heads,
    "decoder_attention_heads": MODEL.attention_heads,
    "activation_fn": "relu",
    "max_source_positions": 1024,
}
VERSIONS = {
    "encoder.version": np.ones(1, np.float32),
    "decoder.embed_positions._float_tensor": np.ones(1, np.float32),
}


def write(path: Path, tensors: dict[str, np.ndarray], key: str = "args", **options: Any) -> Path:
    """A checkpoint at ``path``/model.pt, its options under ``key``."""
    (path / "sentencepiece.model").write_bytes(PIECES)
    for language in ("en", "de"):
        lines = "".join(f"{name} {i + 7}\n" for i, name in enumerate(NAMES))
        (path / f"dict.{language}.txt").write_text(lines, encoding="utf-8")
    stated: Any = argparse.Namespace(**(OPTIONS | options))
    checkpoint = {
        "args": stated if key == "args" else None,
        "model": {name: torch.from_numpy(array) for name, array in (tensors | VERSIONS).items()},
        "optimizer_history": [{"num_updates": 3}],
        "last_optimizer_state": {"state": {0: torch.ones(2)}},
    }
    if key == "cfg":
        checkpoint["cfg"] = {"model": stated, "task": {"_name": "translation"}}
    torch.save(checkpoint, path / "model.pt")
    return path / "model.pt"


@pytest.mark.parametrize("key", ["args", "cfg"])
def test_a_checkpoint(tmp_path: Path, key: str) -> None:
    tensors = tensors_of(MODEL)
    theirs = renamed(fairseq._NAMING, tensors)
    theirs["decoder.embed_tokens.weight"] = theirs["encoder.embed_tokens.weight"]
    theirs["decoder.output_projection.weight"] = theirs["encoder.embed_tokens.weight"]
    assert "decoder.layers.1.encoder_attn_layer_norm.weight" in theirs
    path = write(tmp_path, theirs, key)
    assert family_of(path) is fairseq
    found = check_converted(path, tmp_path / "ours", MODEL, tensors)
    assert (found.source_language, found.target_language, found.search.beam) == ("en", "de", 5)


def test_learned_positions_and_norms_before_sublayers(tmp_path: Path) -> None:
    model = dataclasses.replace(
        MODEL, norm=NormPlacement.PRE, positions=Positions.LEARNED, max_positions=80, embedding_norm=True,
        shared_embeddings=False, tied_output=False, scale_embeddings=False,
    )  # fmt: skip
    tensors = tensors_of(model)
    path = write(tmp_path, renamed(fairseq._NAMING, tensors), no_scale_embedding=True)
    check_converted(path, tmp_path / "ours", model, tensors)


def test_an_old_checkpoint(tmp_path: Path) -> None:
    """Queries, keys and values in one tensor, norms by number, the output as a bare parameter."""
    model = dataclasses.replace(MODEL, shared_embeddings=False, tied_output=False)
    tensors = tensors_of(model)
    theirs = renamed(fairseq._NAMING, tensors)
    theirs["decoder.embed_out"] = theirs.pop("decoder.output_projection.weight")
    old = {}
    for name, array in theirs.items():
        norms = fairseq._OLD_NORMS["en" if name.startswith("en") else "de"]
        for number, norm in enumerate(norms):
            name = name.replace(f".{norm}.", f".layer_norms.{number}.")
        old[name] = array
    for name in [name for name in old if ".q_proj." in name]:
        parts = [old.pop(name.replace(".q_proj.", f".{part}_proj.")) for part in ("q", "k", "v")]
        old[name.replace(".q_proj.", ".in_proj_")] = np.concatenate(parts)
    check_converted(write(tmp_path, old), tmp_path / "ours", model, tensors)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source_lang": None}, "names no language pair"),
        ({"source_lang": "../en"}, "names no language pair"),
        ({"target_lang": "fr"}, "dict.fr.txt: missing"),
        ({"decoder_attention_heads": 1}, "the encoder has 2 heads and the decoder 1"),
        ({"adaptive_softmax_cutoff": [10]}, "adaptive_softmax_cutoff"),
        ({"activation_fn": "tanh"}, "activation_fn = 'tanh'"),
    ],
)
def test_what_our_models_cannot_be_is_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    path = write(tmp_path, renamed(fairseq._NAMING, tensors_of(MODEL)), **options)
    with pytest.raises(ConversionError, match=message):
        convert(path, tmp_path / "ours")


def test_positions_of_no_rows_are_refused(tmp_path: Path) -> None:
    tensors = renamed(fairseq._NAMING, tensors_of(MODEL))
    path = write(tmp_path, tensors | {"encoder.embed_positions.weight": np.array(1, np.float32)})
    with pytest.raises(ConversionError, match=r"embed_positions\.weight has the shape \(\); expected a row"):
        convert(path, tmp_path / "ours")


def test_weights_that_are_a_list_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, renamed(fairseq._NAMING, tensors_of(MODEL)))
    torch.save(torch.load(path, weights_only=False) | {"model": [1]}, path)
    with pytest.raises(ConversionError, match="it holds list, not tensors by name"):
        convert(path, tmp_path / "ours")


def test_a_dictionary_has_a_count_in_each_line(tmp_path: Path) -> None:
    path = write(tmp_path, renamed(fairseq._NAMING, tensors_of(MODEL)))
    (tmp_path / "dict.de.txt").write_text("a 3\nb\n")
    with pytest.raises(ConversionError, match=r"dict.de.txt: line 2 is not a token and its count"):
        convert(path, tmp_path / "ours")


@pytest.mark.filterwarnings("ignore")  # theirs
def test_fsmt_finds_the_same_tokens(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transformers = pytest.importorskip("transformers", reason="this needs octavo[peers]")
    size = MODEL.source_vocab_size
    torch.set_num_threads(1)
    torch.manual_seed(5)
    settings = transformers.FSMTConfig(
        src_vocab_size=size, tgt_vocab_size=size, d_model=16, encoder_layers=2, decoder_layers=2,
        encoder_ffn_dim=32, decoder_ffn_dim=32, encoder_attention_heads=2, decoder_attention_heads=2,
        max_position_embeddings=200, scale_embedding=True, tie_word_embeddings=False,
        langs=["en", "de"], pad_token_id=1, bos_token_id=0, eos_token_id=2,
        decoder_start_token_id=2, init_std=0.4,
    )  # fmt: skip
    peer = transformers.FSMTForConditionalGeneration(settings).eval()
    states = {name.removeprefix("model."): array.numpy() for name, array in peer.state_dict().items()}
    states = {name: array.copy() for name, array in states.items() if "embed_positions" not in name}
    convert(write(tmp_path, states), tmp_path / "ours")
    model = ModelDirectory.open(tmp_path / "ours")
    engine = Engine(model, precision="float32", threads=1)
    ids = [model.tokenizers()[0].encode(line) for line in SENTENCES[:6]]
    options = SearchOptions(beam=1, max_length=12, length_ratio=0.0, length_margin=12)
    ours = engine.translate([np.array(row, np.int32) for row in ids], options)
    for row, found in zip(ids, ours, strict=True):
        expected = peer.generate(
            torch.tensor([[*row, 2]]), num_beams=1, do_sample=False, max_new_tokens=12, bad_words_ids=[[1]],
            forced_eos_token_id=None,
        )  # fmt: skip
        tokens = [int(token) for token in expected[0, 1:] if token not in (1, 2)]
        assert [int(token) for token in found[0].tokens] == tokens
    assert len({tuple(map(int, found[0].tokens)) for found in ours}) > 2
