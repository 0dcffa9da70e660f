"""Directories of eole become models."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from octavo.conversion import ConversionError, convert
from octavo.conversion.families import eole, family_of
from octavo.conversion.named_transformer import Naming
from octavo.model.config import Activation, NormFunction, Positions

from .checkpoints import NAMES, PIECES, check_converted, config, renamed, tensors_of

TOKENS = ["<unk>", "<blank>", "<s>", "</s>", *NAMES]
SPECIALS = {"unk_token": "<unk>", "pad_token": "<blank>", "bos_token": "<s>", "eos_token": "</s>"}
MODEL = config(
    unk_id=0, pad_id=1, decoder_start_id=2, eos_id=3, source_eos=False,
    positions=Positions.INTERLEAVED, max_positions=5000,
)  # fmt: skip
PLAIN = {"feed_forward.inner": "mlp.gate_up_proj"}
GATED = {"feed_forward.gate": "mlp.gate_up_proj", "feed_forward.inner": "mlp.up_proj"}


def naming(products: dict[str, str]) -> Naming:
    return Naming(eole._WHOLE, eole._LAYERS, {**eole._PARTS, **products})


def write(path: Path, tensors: dict[str, np.ndarray], **options: Any) -> Path:
    """A directory at ``path``/theirs."""
    folder = path / "theirs"
    folder.mkdir()
    (folder / "sentencepiece.model").write_bytes(PIECES)
    scalars = {f"decoder.transformer_layers.{i}.layer_scalar": np.ones(1, np.float32) for i in range(2)}
    more = {"src_emb.pe.pe": np.zeros((9, 1, MODEL.d_model), np.float32)} | scalars
    save_file(
        tensors | {name: array for name, array in more.items() if name not in tensors}, folder / eole._WEIGHTS
    )
    model = {
        "heads": MODEL.attention_heads,
        "embeddings": {"position_encoding_type": "SinusoidalInterleaved"},
    }
    (folder / "config.json").write_text(json.dumps({"model": model | options}))
    words = {"src": TOKENS, "tgt": TOKENS, "specials": SPECIALS, "decoder_start_token": "<s>"}
    (folder / "vocab.json").write_text(json.dumps(words))
    return folder


def test_a_directory(tmp_path: Path) -> None:
    tensors = tensors_of(MODEL, biases=False)
    theirs = renamed(naming(PLAIN), tensors, biases=False)
    assert "decoder.transformer_layers.1.precontext_layernorm.bias" in theirs
    path = write(tmp_path, theirs)
    assert family_of(path) is eole
    assert check_converted(path, tmp_path / "ours", MODEL, tensors).name == "theirs"


def test_gated_and_untied_with_biases(tmp_path: Path) -> None:
    model = dataclasses.replace(
        MODEL, gated=True, activation=Activation.GELU_TANH, norm_function=NormFunction.RMS,
        shared_embeddings=False, tied_output=False, layer_norm_epsilon=1e-6,
    )  # fmt: skip
    path = write(
        tmp_path, renamed(naming(GATED), tensors_of(model)),
        mlp_activation_fn="gated-gelu-tanh", layer_norm="rms", norm_eps=1e-6,
    )  # fmt: skip
    assert convert(path, tmp_path / "ours").config == model


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"embeddings": {"position_encoding_type": "Rotary"}}, "position_encoding_type = 'Rotary'"),
        ({"encoder": {"encoder_type": "brnn"}}, "encoder_type = 'brnn'"),
        ({"encoder": {"encoder_layer_style": "postnorm"}}, "encoder_layer_style = 'postnorm'"),
        ({"layer_norm": "gemma-rms"}, "layer_norm = 'gemma-rms'"),
        ({"decoder": {"parallel_residual": True}}, "parallel_residual = True"),
        ({"mlp_activation_fn": "quick_gelu"}, "mlp_activation_fn = 'quick_gelu'"),
        ({"heads": 0}, "heads = 0"),
    ],
)
def test_what_our_models_cannot_be_is_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    path = write(tmp_path, renamed(naming(PLAIN), tensors_of(MODEL)), **options)
    with pytest.raises(ConversionError, match=message):
        convert(path, tmp_path / "ours")


def test_a_factor_of_layers_is_refused(tmp_path: Path) -> None:
    factor = {"decoder.transformer_layers.0.layer_scalar": np.full(1, 0.5, np.float32)}
    path = write(tmp_path, renamed(naming(PLAIN), tensors_of(MODEL)) | factor)
    with pytest.raises(ConversionError, match="layer_scalar is not 1"):
        convert(path, tmp_path / "ours")
