"""Directories of eole: config.json, vocab.json and the weights in safetensors.

Source: eole 0.6, eole/config/models.py, eole/models/model_saver.py, eole/modules and eole/{en,de}coders.
"""

from __future__ import annotations

import reprlib
from pathlib import Path
from typing import Any, Final

from octavo.conversion.described import Described
from octavo.conversion.errors import ConversionError
from octavo.conversion.families.opennmt_py import ATTENTION, MAX_POSITIONS, POSITIONS, SEARCH
from octavo.conversion.huggingface.directory import model_name
from octavo.conversion.json_object import read_object
from octavo.conversion.named_transformer import Naming, read_transformer
from octavo.conversion.tensor_sources.safetensors_file import SafetensorsFile
from octavo.conversion.tensor_sources.training_options import Options
from octavo.conversion.token_lists import TokenList, find_pieces, read_pieces
from octavo.model.config import Activation, NormFunction

NAME: Final = "eole (directory, with sentencepiece.model in it)"

_CONFIG: Final = "config.json"
_VOCABULARY: Final = "vocab.json"
_WEIGHTS: Final = "model.00.safetensors"

_ACTIVATIONS: Final = {
    "relu": Activation.RELU,
    "gelu": Activation.GELU,
    "gelu-tanh": Activation.GELU_TANH,
    "silu": Activation.SILU,
    "gated-silu": Activation.SILU,
    "gated-gelu": Activation.GELU,
    "gated-gelu-tanh": Activation.GELU_TANH,
}
_NORMS: Final = {
    "standard": NormFunction.LAYER,
    "standardFP32": NormFunction.LAYER,
    "rms": NormFunction.RMS,
}

_WHOLE: Final = {
    "encoder.embedding": "src_emb.embeddings",
    "decoder.embedding": "tgt_emb.embeddings",
    "encoder.norm": "encoder.layer_norm",
    "decoder.norm": "decoder.layer_norm",
    "output": "generator",
}
_LAYERS: Final = {
    "encoder": "encoder.transformer_layers.{}",
    "decoder": "decoder.transformer_layers.{}",
}
_PARTS: Final = {
    **{f"self_attention.{ours}": f"self_attn.{theirs}" for ours, theirs in ATTENTION.items()},
    **{f"cross_attention.{ours}": f"context_attn.{theirs}" for ours, theirs in ATTENTION.items()},
    "self_attention.norm": "input_layernorm",
    "cross_attention.norm": "precontext_layernorm",
    "feed_forward.norm": "post_attention_layernorm",
    "feed_forward.outer": "mlp.down_proj",
}


def detect(path: Path) -> bool:
    """Whether it is a directory with the weights and the vocabulary of eole."""
    return all((path / name).is_file() for name in (_CONFIG, _VOCABULARY, _WEIGHTS))


def read(path: Path) -> Described:
    """The model. Raises ConversionError."""
    options = Options(path / _CONFIG, read_object(path / _CONFIG).get("model"))
    _check(options)
    words = Options(path / _VOCABULARY, read_object(path / _VOCABULARY))
    source, target = (_tokens(words, side) for side in ("src", "tgt"))
    specials = words.part("specials")
    unknown, eos = specials.text("unk_token", "<unk>"), specials.text("eos_token", "</s>")
    activation = options.text("mlp_activation_fn", "relu")
    gated = activation.startswith("gated-")
    products = {"gate": "gate_up_proj", "inner": "up_proj"} if gated else {"inner": "gate_up_proj"}
    feed_forward = {f"feed_forward.{ours}": f"mlp.{theirs}" for ours, theirs in products.items()}
    file = SafetensorsFile(path / _WEIGHTS)
    config, tensors = read_transformer(
        file,
        Naming(_WHOLE, _LAYERS, {**_PARTS, **feed_forward}),
        unread=["src_emb.pe.pe", "tgt_emb.pe.pe", *_layer_scalars(file)],
        attention_heads=options.count("heads", 8),
        activation=options.choice("mlp_activation_fn", "relu", _ACTIVATIONS),
        gated=gated,
        norm_function=options.choice("layer_norm", "standard", _NORMS),
        layer_norm_epsilon=options.fraction("norm_eps", 1e-5),
        positions=_embeddings(options).choice("position_encoding_type", "SinusoidalInterleaved", POSITIONS),
        max_positions=MAX_POSITIONS,
        source_eos=False,
        suppressed_ids=(),
        pad_id=target.id_of("padding", specials.text("pad_token", "<blank>")),
        eos_id=target.id_of("end of a sentence", eos),
        unk_id=target.id_of("unknown token", unknown),
        decoder_start_id=target.id_of("start token", words.text("decoder_start_token", "<s>")),
    )
    pieces = read_pieces(
        source.vocabulary(config.source_vocab_size, unknown=unknown, eos=eos),
        target.vocabulary(config.target_vocab_size, unknown=unknown, eos=eos),
        find_pieces(path, "eole"),
    )
    return Described(config, tensors, *pieces, search=SEARCH, name=model_name(path))


def _embeddings(options: Options) -> Options:
    return options.part("embeddings")


def _check(options: Options) -> None:
    """Refuse what octavo's models have not."""
    for side in ("encoder", "decoder"):
        stack = options.part(side)
        if (value := stack.text(f"{side}_type", "transformer")) != "transformer":
            raise ConversionError(
                f"{options.path}: {side}_type = {reprlib.repr(value)}: octavo reads transformer"
            )
        if (style := stack.text("encoder_layer_style", "standard")) != "standard":
            raise ConversionError(
                f"{options.path}: encoder_layer_style = {reprlib.repr(style)}: octavo reads standard"
            )
        for part in (options, stack):
            part.refuse("parallel_residual", "shared_layer_norm", "ffn_layernorm", "query_norm", "key_norm")
            part.refuse("num_experts", "attn_scaling", "sliding_window", "q_gating", "value_norm")
    embeddings = _embeddings(options)
    embeddings.refuse("normalize", "embedding_layer_norm", "position_shift", "token_type_vocab_size")


def _tokens(words: Options, side: str) -> TokenList:
    tokens: Any = words.get(side)
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise ConversionError(f"{words.path}: {side} is no list of tokens")
    return TokenList(words.path, tuple(tokens))


def _layer_scalars(file: SafetensorsFile) -> list[str]:
    """Factors of whole layers, which must be 1."""
    found = [name for name in file.names() if name.endswith(".layer_scalar")]
    for name in found:
        if (file.read(name) != 1).any():
            raise ConversionError(f"{file.path}: {name} is not 1; octavo's layers have no factor")
    return found
