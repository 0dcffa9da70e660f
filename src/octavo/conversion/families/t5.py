"""T5, T5 v1.1, FLAN-T5, mT5 and MADLAD-400 as Hugging Face keeps them: T5ForConditionalGeneration and
MT5ForConditionalGeneration (Raffel et al. 2020; Kudugunta et al. 2023)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Set as AbstractSet
from pathlib import Path
from reprlib import repr as short
from typing import Final

import numpy as np

from octavo.conversion.described import UNDETERMINED, Described
from octavo.conversion.errors import ConversionError
from octavo.conversion.huggingface.added_tokens import found_in_text, read_added_tokens, role_names
from octavo.conversion.huggingface.architecture import ACTIVATIONS
from octavo.conversion.huggingface.directory import WHOLE_TOKENIZER_FILE, class_of, model_name
from octavo.conversion.huggingface.settings import Settings
from octavo.conversion.language_codes import MADLAD, languages_of
from octavo.conversion.mapping import MappedTensors, Origin, Shape, same, zeros
from octavo.conversion.piece_table import Kind, Piece, PieceTable, unused_pieces
from octavo.conversion.tensor_source import TensorSource
from octavo.conversion.tensor_sources import open_weights
from octavo.conversion.tokenizer_json import read_tokenizer
from octavo.languages import MANY_LANGUAGES, TARGET, Languages
from octavo.model.config import Activation, ModelConfig, NormFunction, Positions
from octavo.model.errors import SpecError
from octavo.model.scheme import Scheme
from octavo.model.tensor_table import tensors

NAME: Final = "T5, mT5 and MADLAD-400 (T5ForConditionalGeneration, MT5ForConditionalGeneration)"

_T5: Final = "T5ForConditionalGeneration"
_MT5: Final = "MT5ForConditionalGeneration"
_CLASSES: Final = {_T5: "t5", _MT5: "mt5"}

_PIECES: Final = "spiece.model"

_OUTSIDE_TEXT: Final = (Kind.CONTROL, Kind.UNUSED)
"""A tokenizer may have more of these than the model has tokens: sentinels of T5's training."""

_POSITIONS: Final = 512
"""T5 knows no limit of positions: a lower ``n_positions`` does not bind Transformers."""

_OUTPUT: Final = "lm_head.weight"
_EMBEDDINGS: Final = ("shared.weight", "decoder.embed_tokens.weight", "encoder.embed_tokens.weight")
_SUBLAYERS: Final = {"self_attention": "SelfAttention", "cross_attention": "EncDecAttention"}
_PROJECTIONS: Final = {"query": "q", "key": "k", "value": "v", "output": "o", "outer": "wo"}
# Of cross-attention, whose scores have no bias: in files of old versions, read by none.
_UNREAD: Final = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"


def detect(path: Path) -> bool:
    """Whether config.json names one of the two classes."""
    return class_of(path, _CLASSES) is not None


def read(path: Path) -> Described:
    """The model in the directory. Raises ConversionError."""
    settings = Settings(path)
    weights = _Weights(open_weights(path))
    is_tied = weights.is_tied(stated=settings.flag("tie_word_embeddings", default=True))
    pieces = _read_pieces(path, settings.count("vocab_size"))
    config = _config(settings, pieces, is_tied)
    is_scaled = class_of(path, _CLASSES) == _T5 and settings.flag(
        "scale_decoder_outputs", default=settings.flag("tie_word_embeddings", default=True)
    )
    search = settings.search(positions=config.max_positions)
    added = [token for token in read_added_tokens(path, MADLAD.code) if token.id < len(pieces.pieces)]
    languages = _languages(pieces, {token.text for token in added})
    if languages is None:
        settings.notes.append(
            "the model is told in words what to do, and Octavo does not add them: each text must begin with "
            "them, as in 'translate English to German: '"
        )
    side = MANY_LANGUAGES if languages else UNDETERMINED
    return Described(
        config=config,
        tensors=weights.mapped(config, is_scaled=is_scaled),
        source_pieces=pieces,
        target_pieces=pieces,
        search=search,
        name=model_name(path),
        source_language=side,
        target_language=side,
        languages=languages,
        added=found_in_text(path, added, pieces, hidden=languages.codes if languages else ()),
        notes=tuple(settings.notes),
    )


def _config(settings: Settings, pieces: PieceTable, is_tied: bool) -> ModelConfig:
    layers = settings.count("num_layers", default=6)
    gated, activation = _feed_forward(settings)
    heads, width = settings.count("num_heads", default=8), settings.count("d_kv", default=64)
    epsilon = settings.values.get("layer_norm_epsilon", 1e-6)
    if isinstance(epsilon, bool) or not isinstance(epsilon, int | float):
        raise ConversionError(f"{settings.path}: layer_norm_epsilon = {short(epsilon)}: expected a number")
    size, pad = settings.count("vocab_size"), settings.token("pad_token_id", default=0)
    eos = settings.token("eos_token_id", default=1)
    try:
        return ModelConfig(
            d_model=settings.count("d_model"),
            ffn_dim=settings.count("d_ff"),
            encoder_layers=layers,
            decoder_layers=settings.count("num_decoder_layers", default=layers),
            attention_heads=heads,
            attention_head_dim=width if heads * width != settings.count("d_model") else 0,
            source_vocab_size=size,
            target_vocab_size=size,
            max_positions=max(settings.count("n_positions", default=_POSITIONS), _POSITIONS),
            activation=activation,
            gated=gated,
            positions=Positions.NONE,
            relative_buckets=settings.count("relative_attention_num_buckets", default=32),
            relative_distance=settings.count("relative_attention_max_distance", default=128),
            norm_function=NormFunction.RMS,
            layer_norm_epsilon=float(epsilon),
            scale_embeddings=False,
            tied_output=is_tied,
            pad_id=pad,
            eos_id=eos,
            unk_id=next(i for i, piece in enumerate(pieces.pieces) if piece.kind is Kind.UNKNOWN),
            decoder_start_id=settings.token("decoder_start_token_id", default=pad),
            suppressed_ids=settings.suppressed(eos),
        )
    except SpecError as error:
        raise ConversionError(f"{settings.path}: {error}") from error


def _feed_forward(settings: Settings) -> tuple[bool, Activation]:
    """Whether the layer is gated, and its activation: "gated-gelu" means the GELU by tanh."""
    stated = settings.values.get("feed_forward_proj", "relu")
    names = {**ACTIVATIONS, "gelu_new": Activation.GELU_TANH}
    known = {name: (False, activation) for name, activation in names.items()}
    known |= {f"gated-{name}": (True, activation) for name, activation in names.items()}
    known["gated-gelu"] = True, Activation.GELU_TANH
    if not isinstance(stated, str) or stated not in known:
        raise ConversionError(
            f"{settings.path}: feed_forward_proj = {short(stated)}: must be one of {', '.join(known)}"
        )
    return known[stated]


def _read_pieces(path: Path, size: int) -> PieceTable:
    """The sentencepiece model with a piece for each of the model's tokens, codes of languages not cut out of
    text."""
    file = path / _PIECES
    if file.exists() or not (path / WHOLE_TOKENIZER_FILE).exists():
        table = PieceTable.read(file)
    else:
        file = path / WHOLE_TOKENIZER_FILE
        table = _with_unknown(read_tokenizer(file).pieces, role_names(path)["unk_token"])
    if any(piece.kind not in _OUTSIDE_TEXT for piece in table.pieces[size:]):
        raise ConversionError(
            f"{file}: has {len(table.pieces)} pieces, but config.json has vocab_size = {size}"
        )
    if not any(piece.kind is Kind.UNKNOWN for piece in table.pieces):
        raise ConversionError(f"{file}: has no unknown token; copy the file again")
    pieces = [
        dataclasses.replace(piece, kind=Kind.CONTROL) if MADLAD.code.fullmatch(piece.text) else piece
        for piece in table.pieces[:size]
    ]
    pieces += unused_pieces(file, len(pieces), size)
    roles = set(role_names(path).values())
    for token in read_added_tokens(path, MADLAD.code):
        if token.id < size and token.text not in roles and pieces[token.id].text != token.text:
            kind = Kind.CONTROL if token.special else Kind.UNUSED
            pieces[token.id] = Piece(token.text, 0.0, kind)
    return table.with_pieces(pieces)


def _with_unknown(table: PieceTable, unknown: str) -> PieceTable:
    """The same with a piece of that name as the unknown token: later versions of Transformers save 2 as its
    id for every T5, which is EOS in MADLAD."""
    if all(piece.text != unknown for piece in table.pieces):
        return table
    pieces = [
        dataclasses.replace(piece, kind=Kind.UNKNOWN)
        if piece.text == unknown
        else dataclasses.replace(piece, kind=Kind.CONTROL)
        if piece.kind is Kind.UNKNOWN
        else piece
        for piece in table.pieces
    ]
    return table.with_pieces(pieces)


def _languages(table: PieceTable, added: AbstractSet[str]) -> Languages | None:
    """Those of MADLAD-400: each stands in front of the source, behind the start of a word; without that where
    they are added tokens, at which a text is split first."""
    found = languages_of({piece.text: i for i, piece in enumerate(table.pieces)}, (MADLAD,))
    if found is not None and added & found.codes.keys():
        return dataclasses.replace(found, source_prefix=(TARGET,))
    return found


class _Weights:
    """The tensors of a file, by our names."""

    def __init__(self, source: TensorSource) -> None:
        self.source = source
        there = [name for name in _EMBEDDINGS if name in source.names()]
        if not there:
            raise ConversionError(f"{source.path}: tensor {_EMBEDDINGS[0]} is missing")
        self.embedding = there[0]
        for other in there[1:]:
            if not self._same(other):
                raise ConversionError(
                    f"{source.path}: tensors {self.embedding} and {other} differ, but T5 shares them"
                )
        self._there = there

    def is_tied(self, *, stated: bool) -> bool:
        """Whether the output projection is the embedding. Later versions state so of every model."""
        return _OUTPUT not in self.source.names() or (stated and self._same(_OUTPUT))

    def mapped(self, config: ModelConfig, *, is_scaled: bool) -> MappedTensors:
        """All tensors of the model; ``is_scaled``: logits are made of states times d_model^-0.5."""
        specs = list(tensors(config, Scheme.NONE))
        shapes = {spec.name: spec.shape for spec in specs}

        def origin(name: str) -> Origin:
            if name.endswith(".bias"):
                return zeros(*shapes[name])
            if name == "encoder.embedding.weight":
                return same(self.embedding)
            found = same(_their_name(name, gated=config.gated))
            if name == "decoder.norm.weight" and is_scaled:
                return found.scaled(config.d_model**-0.5)
            if name.endswith("_attention.query.weight"):  # T5 does not divide scores
                return found.scaled(math.sqrt(config.head_dim))
            return found

        unread = {_UNREAD, *self._there, *([_OUTPUT] if config.tied_output else [])}
        return MappedTensors(self.source, specs, origin, unread=unread)

    def _same(self, other: str) -> bool:
        shapes: list[Shape] = [self.source.shape(name) for name in (self.embedding, other)]
        return shapes[0] == shapes[1] and np.array_equal(
            self.source.read(self.embedding), self.source.read(other)
        )


def _their_name(name: str, *, gated: bool) -> str:
    """What a tensor of ``octavo.model`` is called there."""
    if name == "output.weight":
        return _OUTPUT
    stack, place, *rest = name.split(".")
    if place == "norm":
        return f"{stack}.final_layer_norm.weight"
    if place == "relative_bias":
        return f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
    layer, sublayer, part, _ = rest
    number = ("self_attention", "cross_attention", "feed_forward").index(sublayer)
    if stack == "encoder" and sublayer == "feed_forward":
        number = 1
    block = f"{stack}.block.{layer}.layer.{number}"
    if part == "norm":
        return f"{block}.layer_norm.weight"
    inner = {"gate": "wi_0", "inner": "wi_1"} if gated else {"inner": "wi"}
    theirs = (_PROJECTIONS | inner)[part]
    return f"{block}.{_SUBLAYERS.get(sublayer, 'DenseReluDense')}.{theirs}.weight"
