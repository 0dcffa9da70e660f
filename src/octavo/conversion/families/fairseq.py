"""Checkpoints of fairseq: a pickle with the weights and the options, and dict.*.txt beside it.

Source: fairseq 0.12, fairseq/models/transformer, fairseq/data/dictionary.py and fairseq/checkpoint_utils.py.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from octavo.conversion.described import UNDETERMINED, Described
from octavo.conversion.errors import ConversionError
from octavo.conversion.huggingface.directory import as_language_tag
from octavo.conversion.named_transformer import Naming, read_transformer
from octavo.conversion.tensor_sources.torch_file import TorchFile, checkpoint_keys
from octavo.conversion.tensor_sources.training_options import Options
from octavo.conversion.token_lists import TokenList, find_pieces, read_pieces
from octavo.model.config import Activation, NormPlacement, Positions
from octavo.model.limits import MAX_VOCABULARY
from octavo.model.search import SearchDefaults
from octavo.regular_file import read_regular

NAME: Final = "fairseq (checkpoint, with dict.*.txt and sentencepiece.model beside it)"

_SEARCH: Final = SearchDefaults(beam=5, length_penalty=1.0, length_ratio=4.0, length_margin=32)
_SPECIALS: Final = ("<s>", "<pad>", "</s>", "<unk>")
_PAD: Final = _SPECIALS.index("<pad>")
_OVERWRITE: Final = "#fairseq:overwrite"
_MAX_BYTES: Final = 64 * 1024 * 1024

_ACTIVATIONS: Final = {
    "relu": Activation.RELU,
    "gelu": Activation.GELU,
    "gelu_fast": Activation.GELU_TANH,
    "gelu_accurate": Activation.GELU_TANH,
    "swish": Activation.SILU,
}
_HEADS: Final = (("iwslt", 4), ("big", 16), ("", 8))
"""Heads of the architectures that a checkpoint may only name."""

_OUTPUT: Final = "decoder.output_projection"
_ATTENTION: Final = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "output": "out_proj"}
_NAMING: Final = Naming(
    whole={
        "encoder.embedding": "encoder.embed_tokens",
        "decoder.embedding": "decoder.embed_tokens",
        "encoder.positions": "encoder.embed_positions",
        "decoder.positions": "decoder.embed_positions",
        "encoder.embedding_norm": "encoder.layernorm_embedding",
        "decoder.embedding_norm": "decoder.layernorm_embedding",
        "encoder.norm": "encoder.layer_norm",
        "decoder.norm": "decoder.layer_norm",
        "output": _OUTPUT,
    },
    layers={"encoder": "encoder.layers.{}", "decoder": "decoder.layers.{}"},
    parts={
        **{f"self_attention.{ours}": f"self_attn.{theirs}" for ours, theirs in _ATTENTION.items()},
        **{f"cross_attention.{ours}": f"encoder_attn.{theirs}" for ours, theirs in _ATTENTION.items()},
        "self_attention": "self_attn",
        "cross_attention": "encoder_attn",
        "self_attention.norm": "self_attn_layer_norm",
        "cross_attention.norm": "encoder_attn_layer_norm",
        "feed_forward.norm": "final_layer_norm",
        "feed_forward.inner": "fc1",
        "feed_forward.outer": "fc2",
    },
    fused="{}.in_proj_",
)
_UNREAD: Final = re.compile(
    r"(en|de)coder\.(version|embed_positions\._float_tensor|embed_positions\.weights)"
)
_OLD_NORM: Final = re.compile(r"((en|de)coder\.layers\.\d+)\.layer_norms\.(\d)\.")
_OLD_NORMS: Final = {
    "en": ("self_attn_layer_norm", "final_layer_norm"),
    "de": ("self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm"),
}


def detect(path: Path) -> bool:
    """Whether it is a file of PyTorch with weights and fairseq's options."""
    keys = set(checkpoint_keys(path))
    return "model" in keys and bool(keys & {"args", "cfg"}) and "opt" not in keys


def read(path: Path) -> Described:
    """The model. Raises ConversionError."""
    file = TorchFile(path, _tensors)
    options = _options(path, file.content)
    names = file.names()
    languages = [options.get(key) for key in ("source_lang", "target_lang")]
    source, target = (_token_list(path.parent, language) for language in languages)
    config, tensors = read_transformer(
        file,
        _NAMING,
        attention_heads=_heads(options),
        activation=options.choice("activation_fn", "relu", _ACTIVATIONS),
        norm=NormPlacement.PRE if "encoder.layer_norm.weight" in names else NormPlacement.POST,
        embedding_norm="encoder.layernorm_embedding.weight" in names,
        scale_embeddings=not options.flag("no_scale_embedding"),
        layer_norm_epsilon=1e-5,
        **_positions(options, file),
        pad_id=_PAD,
        eos_id=target.id_of("end of a sentence", "</s>"),
        unk_id=target.id_of("unknown token", "<unk>"),
        decoder_start_id=target.id_of("end of a sentence", "</s>"),
        suppressed_ids=(_PAD,),
        source_eos=True,
    )
    pieces = read_pieces(
        source.vocabulary(config.source_vocab_size, unknown="<unk>", eos="</s>"),
        target.vocabulary(config.target_vocab_size, unknown="<unk>", eos="</s>"),
        find_pieces(path.parent, "fairseq"),
    )
    tags = [as_language_tag(language) or UNDETERMINED for language in languages]
    return Described(
        config,
        tensors,
        *pieces,
        search=_SEARCH,
        name=path.stem,
        source_language=tags[0],
        target_language=tags[1],
    )


def _tensors(content: Any) -> Any:
    """The weights by the names that fairseq gives them today; what is no dict as it is."""
    if not isinstance(content["model"], dict):
        return content["model"]
    found = {}
    for name, tensor in content["model"].items():
        if _UNREAD.fullmatch(name):
            continue
        if name == "decoder.embed_out":
            name = f"{_OUTPUT}.weight"
        if match := _OLD_NORM.match(name):
            norm = _OLD_NORMS[match[2]][int(match[3])]
            name = f"{match[1]}.{norm}.{name[match.end() :]}"
        found[name] = tensor
    return found


def _options(path: Path, content: Mapping[str, Any]) -> Options:
    """The options, and those of the two stacks beside them, where newer files keep them apart."""
    stated = content.get("args") or Options(path, content.get("cfg")).get("model")
    options = Options(path, stated)
    options.refuse("adaptive_softmax_cutoff", "adaptive_input", "cross_self_attention", "no_cross_attention")
    options.refuse("lang_tok_replacing_bos_eos", "encoder_langtok", "decoder_langtok", "char_inputs")
    return options


def _of_stack(options: Options, side: str, name: str) -> Any:
    return options.get(f"{side}_{name}", options.part(side).get(name))


def _heads(options: Options) -> int:
    named = options.get("arch", options.get("_name", ""))
    architecture = named if isinstance(named, str) else ""
    default = next(heads for part, heads in _HEADS if part in architecture)
    found = [_of_stack(options, side, "attention_heads") or default for side in ("encoder", "decoder")]
    if found[0] != found[1] or not isinstance(found[0], int):
        raise ConversionError(
            f"{options.path}: the encoder has {reprlib.repr(found[0])} heads and the decoder "
            f"{reprlib.repr(found[1])}; in Octavo's models both stacks are alike"
        )
    return found[0]


def _positions(options: Options, file: TorchFile) -> dict[str, Any]:
    """Positions begin behind that of padding: learned ones are in the file, sinusoidal ones are computed."""
    learned = "encoder.embed_positions.weight"
    if options.flag("no_token_positional_embeddings"):
        return {"positions": Positions.NONE, "max_positions": options.count("max_source_positions", 1024)}
    if learned not in file.names():
        return {
            "positions": Positions.TENSOR2TENSOR,
            "position_offset": _PAD + 1,
            "max_positions": options.count("max_source_positions", 1024),
        }
    shape = file.shape(learned)
    if len(shape) != 2:
        raise ConversionError(
            f"{file.path}: {learned} has the shape {shape}; expected a row for each position"
        )
    return {
        "positions": Positions.LEARNED,
        "position_offset": _PAD + 1,
        "max_positions": shape[0] - _PAD - 1,
    }


def _token_list(folder: Path, language: Any) -> TokenList:
    """The tokens in dict.LANGUAGE.txt: four that each dictionary has, then those of its lines."""
    if as_language_tag(language) is None:
        raise ConversionError(
            f"{folder}: the checkpoint names no language pair, so no dict.LANGUAGE.txt is known"
        )
    path = folder / f"dict.{language}.txt"
    try:
        data = read_regular(path, _MAX_BYTES)
        if len(data) > _MAX_BYTES:
            raise ConversionError(f"{path}: larger than {_MAX_BYTES >> 20} MiB, so it is no dictionary")
        lines = data.decode("utf-8").split("\n")
    except FileNotFoundError as error:
        raise ConversionError(
            f"{path}: missing; copy it from the data that the model was trained on"
        ) from error
    except OSError as error:
        raise ConversionError(f"{path}: cannot read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConversionError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from error
    tokens = list(_SPECIALS)
    for number, line in enumerate(lines, 1):
        token, blank, count = line.removesuffix("\r").removesuffix(f" {_OVERWRITE}").rpartition(" ")
        if not line.strip():
            continue
        if not blank or not count.isdigit():
            raise ConversionError(f"{path}: line {number} is not a token and its count")
        if not (line.endswith(_OVERWRITE) and token in _SPECIALS):
            tokens.append(token)
    if len(tokens) > MAX_VOCABULARY:
        raise ConversionError(f"{path}: has {len(tokens)} tokens; at most {MAX_VOCABULARY} are read")
    return TokenList(path, tuple(tokens))
