"""What the formats of other programs cannot hold, said with the way out."""

from __future__ import annotations

import enum
import math
from typing import Final

from octavo.artifact import ModelDirectory
from octavo.conversion.errors import ConversionError
from octavo.conversion.exported_directory import widened
from octavo.conversion.huggingface.architecture import LAYER_NORM_EPSILON, Architecture
from octavo.conversion.language_codes import OPUS_MT
from octavo.conversion.marian.settings import LAYER_NORM_EPSILON as MARIAN_EPSILON
from octavo.conversion.piece_table import Kind, PieceTable
from octavo.model.architecture import embedding_name
from octavo.model.config import Activation, AttentionFunction, ModelConfig, NormFunction, Positions


class ExportFormat(enum.StrEnum):
    """A format that models are exported to, as ``octavo export --to`` calls it."""

    HUGGINGFACE = "huggingface"
    CTRANSLATE2 = "ctranslate2"
    MARIAN = "marian"


_WORDS: Final = {
    "activation": "such an activation",
    "attention": "such attention",
    "attention_head_dim": "attention heads of such a width",
    "decoder_mixer": "SSRUs in the decoder",
    "decoder_start_id": "decoder that starts from the embedding of a token",
    "embedding_norm": "layer norm behind the embeddings",
    "gated": "gated feed-forward layers",
    "layer_norm_epsilon": "such an epsilon in its layer norms",
    "norm_function": "such norms",
    "position_offset": "positions that begin behind the first row of their table",
    "positions": "positions of this kind",
    "relative_buckets": "relative positions",
    "relative_distance": "relative positions",
    "scale_embeddings": "embeddings that are not scaled",
    "shared_embeddings": "embedding of its own for each side",
    "source_eos": "source without an EOS at its end",
}
"""What a key of ModelConfig stands for, behind "no"."""


def check_exportable(model: ModelDirectory, to: ExportFormat) -> None:
    """Raise ConversionError where the format cannot hold the model: what of it, and which format can."""
    reason = _missing(model, to)
    if reason is None:
        return
    others = [other for other in ExportFormat if other is not to and _missing(model, other) is None]
    way = (
        f"`octavo export --to {' or '.join(others)}` can write it"
        if others
        else "no format that Octavo exports to has; the model itself can be copied, and other "
        "programs read the "
        "files that it was converted from"
    )
    raise ConversionError(f"{model.path}: {_program(model, to)} has no {reason}; {way}")


def _program(model: ModelDirectory, to: ExportFormat) -> str:
    if to is ExportFormat.HUGGINGFACE:
        return f"Transformers' {Architecture.of(model.config.norm)}"
    return "Marian" if to is ExportFormat.MARIAN else "the CTranslate2 model that Octavo writes"


def _missing(model: ModelDirectory, to: ExportFormat) -> str | None:
    """What of the model the format does not have, behind "no"; None where it has all."""
    config = model.config
    if to is ExportFormat.MARIAN:
        return _stated(config, _not_in_marian(config)) or _missing_in_marian(model)
    if part := config.integer_transformer_part or config.extension:
        return _stated(config, {part.partition(" = ")[0]: True})
    if to is ExportFormat.CTRANSLATE2:
        return None
    is_pegasus = Architecture.of(config.norm) is Architecture.PEGASUS
    wrong = {
        "embedding_norm": config.embedding_norm,
        "source_eos": not config.source_eos,
        "layer_norm_epsilon": config.layer_norm_epsilon != LAYER_NORM_EPSILON,
        "shared_embeddings": is_pegasus and not config.shared_embeddings,
    }
    if reason := _stated(config, wrong):
        return reason
    if model.languages is not None and not all(map(OPUS_MT.code.fullmatch, model.languages.codes)):
        return "languages but codes in front of a text, such as >>fra<<"
    if is_pegasus and _names(model, 0) != _names(model, 1):
        return "vocabularies of source and target that differ"
    return None


def _not_in_marian(config: ModelConfig) -> dict[str, bool]:
    activations = (Activation.RELU, Activation.SILU, Activation.GELU)
    epsilon = config.layer_norm_epsilon
    return {
        "attention": config.attention is not AttentionFunction.SOFTMAX,
        "norm_function": config.norm_function is not NormFunction.LAYER,
        "activation": config.activation not in activations,
        "gated": config.gated,
        "attention_head_dim": config.head_dim * config.attention_heads != config.d_model,
        "relative_buckets": config.relative_buckets != 0,
        "positions": config.positions not in (Positions.TENSOR2TENSOR, Positions.NONE),
        "position_offset": config.position_offset != 0,
        "scale_embeddings": not config.scale_embeddings,
        "source_eos": not config.source_eos,
        "layer_norm_epsilon": not math.isclose(epsilon, MARIAN_EPSILON, rel_tol=1e-3),
        "decoder_start_id": config.decoder_start_id != config.target_vocab_size - 1,
    }


def _missing_in_marian(model: ModelDirectory) -> str | None:
    config = model.config
    if model.languages:
        return "tokens of languages"
    with model.tensor_reader() as tensor:
        if widened(tensor, embedding_name(config, "decoder"))[config.decoder_start_id].any():
            return _stated(config, {"decoder_start_id": True})
    for path, size in zip(model.tokenizer_paths, marian_sizes(config), strict=True):
        if any(piece.kind is not Kind.CONTROL for piece in PieceTable.read(path).pieces[size + 1 :]):
            return f"pieces that cut text and are unknown to the model ({path.name})"
    return None


def marian_sizes(config: ModelConfig) -> tuple[int, int]:
    """Tokens of the source and of the target without the one that the decoder starts from, which Marian has
    not."""
    return config.source_vocab_size - config.shared_embeddings, config.target_vocab_size - 1


def _stated(config: ModelConfig, missing: dict[str, bool]) -> str | None:
    """The first key that is missing, in words and as config.json has it."""
    key = next((key for key, none in missing.items() if none), None)
    if key is None:
        return None
    value = getattr(config, key)
    return f"{_WORDS[key]} ({key} = {str(value).lower() if isinstance(value, bool) else value})"


def _names(model: ModelDirectory, side: int) -> list[str]:
    size = (model.config.source_vocab_size, model.config.target_vocab_size)[side]
    return [piece.text for piece in PieceTable.read(model.tokenizer_paths[side]).pieces[:size]]
