"""Checkpoints of OpenNMT-py: a pickle with options, vocabularies and the weights, or safetensors beside it.

Source: OpenNMT-py 3.5, onmt/{opts,model_builder}.py, onmt/models/model_saver.py and onmt/modules.
"""

from __future__ import annotations

import reprlib
from pathlib import Path
from typing import Any, Final

from octavo.conversion.described import Described
from octavo.conversion.errors import ConversionError
from octavo.conversion.named_transformer import Naming, read_transformer
from octavo.conversion.tensor_source import TensorSource
from octavo.conversion.tensor_sources.safetensors_file import SafetensorsFile
from octavo.conversion.tensor_sources.torch_file import TorchFile, checkpoint_keys
from octavo.conversion.tensor_sources.torch_pickle import Stub
from octavo.conversion.tensor_sources.training_options import Options
from octavo.conversion.token_lists import TokenList, find_pieces, read_pieces
from octavo.model.config import Activation, NormFunction, Positions
from octavo.model.search import SearchDefaults

NAME: Final = "OpenNMT-py (checkpoint, with sentencepiece.model beside it)"

SEARCH: Final = SearchDefaults(beam=5, length_penalty=1.0, length_ratio=4.0, length_margin=32)
"""Its defaults; the limit that grows with the source cuts nothing but a model that repeats itself."""

POSITIONS: Final = {
    "SinusoidalInterleaved": Positions.INTERLEAVED,
    "SinusoidalConcat": Positions.TENSOR2TENSOR,
}
MAX_POSITIONS: Final = 5000

_ACTIVATIONS: Final = {
    "relu": Activation.RELU,
    "gelu": Activation.GELU,
    "gated-gelu": Activation.GELU,
    "silu": Activation.SILU,
}
_GATED: Final = ("silu", "gated-gelu")
_NORMS: Final = {"standard": NormFunction.LAYER, "rms": NormFunction.RMS}
_OLD_NORMS: Final = {"a_2": "weight", "b_2": "bias"}

_EMBEDDINGS: Final = "embeddings.make_embedding"
_WHOLE: Final = {
    "encoder.embedding": f"encoder.{_EMBEDDINGS}.emb_luts.0",
    "decoder.embedding": f"decoder.{_EMBEDDINGS}.emb_luts.0",
    "encoder.norm": "encoder.layer_norm",
    "decoder.norm": "decoder.layer_norm",
    "output": "generator",
}
ATTENTION: Final = {
    "query": "linear_query",
    "key": "linear_keys",
    "value": "linear_values",
    "output": "final_linear",
}
_PARTS: Final = {
    **{f"self_attention.{ours}": f"self_attn.{theirs}" for ours, theirs in ATTENTION.items()},
    **{f"cross_attention.{ours}": f"context_attn.{theirs}" for ours, theirs in ATTENTION.items()},
    "encoder.self_attention.norm": "layer_norm",
    "decoder.self_attention.norm": "layer_norm_1",
    "cross_attention.norm": "layer_norm_2",
    "feed_forward.norm": "feed_forward.layer_norm",
    "feed_forward.outer": "feed_forward.w_2",
}
_LAYERS: Final = {"encoder": "encoder.transformer.{}", "decoder": "decoder.transformer_layers.{}"}


def detect(path: Path) -> bool:
    """Whether it is a file of PyTorch with options and a vocabulary."""
    return {"opt", "vocab"} <= set(checkpoint_keys(path))


def read(path: Path) -> Described:
    """The model. Raises ConversionError."""
    file = TorchFile(path, _tensors)
    options = Options(path, file.content["opt"])
    _check(options)
    source, target = _token_lists(path, file.content["vocab"])
    activation = options.text("pos_ffn_activation_fn", "relu")
    gated = activation in _GATED
    products = {"gate": "w_1", "inner": "w_3"} if gated else {"inner": "w_1"}
    feed_forward = {f"feed_forward.{ours}": f"feed_forward.{theirs}" for ours, theirs in products.items()}
    specials = {
        "pad_id": target.id_of("padding", "<blank>"),
        "eos_id": target.id_of("end of a sentence", "</s>"),
        "unk_id": target.id_of("unknown token", "<unk>"),
        "decoder_start_id": target.id_of("start token", options.text("decoder_start_token", "<s>")),
    }
    config, tensors = read_transformer(
        file if file.names() else _beside(path),
        Naming(_WHOLE, _LAYERS, {**_PARTS, **feed_forward}),
        unread=[f"{side}.{_EMBEDDINGS}.pe.pe" for side in ("encoder", "decoder")],
        attention_heads=options.count("heads", 8),
        activation=options.choice("pos_ffn_activation_fn", "relu", _ACTIVATIONS),
        gated=gated,
        norm_function=options.choice("layer_norm", "standard", _NORMS),
        layer_norm_epsilon=options.fraction("norm_eps", 1e-6),
        positions=options.choice("position_encoding_type", "SinusoidalInterleaved", POSITIONS),
        max_positions=MAX_POSITIONS,
        source_eos=False,
        suppressed_ids=(),
        **specials,
    )
    pieces = read_pieces(
        source.vocabulary(config.source_vocab_size, unknown="<unk>", eos="</s>"),
        target.vocabulary(config.target_vocab_size, unknown="<unk>", eos="</s>"),
        find_pieces(path.parent, "OpenNMT-py"),
    )
    return Described(config, tensors, *pieces, search=SEARCH, name=path.stem)


def _tensors(content: Any) -> Any:
    """The weights by name; none where they are in a file beside the checkpoint. What is no dict stays so."""
    parts = [content.get(part) or {} for part in ("model", "generator")]
    if wrong := [part for part in parts if not isinstance(part, dict)]:
        return wrong[0]
    found = dict(parts[0])
    for name, tensor in parts[1].items():
        found[f"generator.{name.removeprefix('0.')}"] = tensor
    renamed = {}
    for name, tensor in found.items():
        stem, _, last = name.rpartition(".")
        renamed[f"{stem}.{_OLD_NORMS.get(last, last)}" if stem else last] = tensor
    return renamed


def _beside(path: Path) -> TensorSource:
    return SafetensorsFile(path.with_suffix(".safetensors"))


def _check(options: Options) -> None:
    """Refuse what octavo's models have not."""
    for name in ("encoder_type", "decoder_type"):
        if (value := options.text(name, "transformer")) != "transformer":
            raise ConversionError(f"{options.path}: {name} = {reprlib.repr(value)}: octavo reads transformer")
    kind = options.text("self_attn_type", "scaled-dot")
    if kind not in ("scaled-dot", "scaled-dot-flash"):
        raise ConversionError(
            f"{options.path}: self_attn_type = {reprlib.repr(kind)}: octavo reads scaled-dot"
        )
    if not options.flag("position_encoding"):
        raise ConversionError(
            f"{options.path}: position_encoding is not set, so positions are relative, rotary or ALiBi; "
            "octavo has no such models"
        )
    options.refuse("max_relative_positions", "n_src_feats", "copy_attn", "parallel_residual", "multiquery")
    options.refuse("num_experts", "sliding_window", "lora_layers", "lora_embedding", "quant_layers")


def _token_lists(path: Path, stated: Any) -> tuple[TokenList, TokenList]:
    """The tokens of source and target: lists, or in older checkpoints torchtext's objects."""
    found = []
    for side, place in (("src", 0), ("tgt", 1)):
        tokens = stated.get(side) if isinstance(stated, dict) else None
        if isinstance(stated, list) and len(stated) > place:
            tokens = _of_torchtext(_second(stated[place]))
        if isinstance(tokens, Stub):
            fields = tokens.state.get("fields") if isinstance(tokens.state, dict) else None
            one = fields[0] if isinstance(fields, list) and len(fields) == 1 else None
            tokens = _of_torchtext(_second(one))
        if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
            raise ConversionError(f"{path}: has no list of the {side} tokens, or features of tokens besides")
        found.append(TokenList(path, tuple(tokens)))
    return found[0], found[1]


def _second(value: Any) -> Any:
    """The object of a pair of a name and an object; None for what is no pair."""
    return value[1] if isinstance(value, list | tuple) and len(value) == 2 else None


def _of_torchtext(value: Any) -> Any:
    """The tokens in a vocabulary, or in a field that has one."""
    state = value.state if isinstance(value, Stub) else None
    if isinstance(state, dict) and isinstance(state.get("vocab"), Stub):
        state = state["vocab"].state
    return state.get("itos") if isinstance(state, dict) else None
