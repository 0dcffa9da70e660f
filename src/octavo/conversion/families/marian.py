"""Marian's own models, among them OPUS-MT's .npz and Firefox's ``model.*.intgemm.alphas.bin``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from octavo.conversion.described import UNDETERMINED, Described
from octavo.conversion.errors import ConversionError
from octavo.conversion.marian.files import SETTINGS, Files, holds_model
from octavo.conversion.marian.settings import LAYER_NORM_EPSILON, Settings
from octavo.conversion.marian.shortlist import LexicalShortlist
from octavo.conversion.marian.tensors import Weights
from octavo.conversion.marian.vocabulary import Pieces, read_pieces
from octavo.conversion.marian.yaml import parse_yaml
from octavo.conversion.tensor_sources.marian_bin import MarianBin
from octavo.conversion.tensor_sources.npz_file import NpzFile
from octavo.model.alignment_heads import AlignmentHeads
from octavo.model.config import Mixer, ModelConfig, NormPlacement, Positions
from octavo.model.errors import SpecError
from octavo.model.search import SearchDefaults, Stop
from octavo.text.iso_639 import is_code

NAME: Final = "Marian (.npz, .bin) and Firefox (model.*.intgemm.alphas.bin)"


_POSITIONS: Final = 1024
"""Marian computes as many as a text needs; this many are kept."""

_FILE_LANGUAGES: Final = re.compile(r"\.([a-z]{2})([a-z]{2})\.")
_DIRECTORY_LANGUAGES: Final = re.compile(r"(?:.*[._-])?([a-z]{2,3})-([a-z]{2,3})|([a-z]{2})([a-z]{2})")


def detect(path: Path) -> bool:
    """Whether the file, or one in the directory, is such a model."""
    return holds_model(path)


def read(path: Path) -> Described:
    """The model. Raises ConversionError."""
    files = Files.of(path)
    source = NpzFile(files.model) if files.model.suffix == ".npz" else MarianBin(files.model)
    if SETTINGS not in source.names():
        raise ConversionError(f"{files.model}: has no {SETTINGS}, so its shape is not known")
    text = source.read_bytes(SETTINGS).rstrip(b"\0")
    settings = Settings(parse_yaml(text, f"{files.model}: {SETTINGS}"), f"{files.model}: {SETTINGS}")
    settings.check_is_read()
    weights = Weights(source)
    pieces = _pieces(files, weights)
    config = _config(settings, weights, pieces[1])
    scheme, plan = weights.scheme_and_plan(config)
    shares_vocabulary = files.vocabularies[0] == files.vocabularies[1]
    shortlist = LexicalShortlist.read(files.shortlist) if files.shortlist else None
    decoder = Settings(files.decoder, str(files.decoder_path))
    is_firefox = ".intgemm" in files.model.name
    languages = _languages(files.model)
    return Described(
        config=config,
        tensors=weights.tensors(config, scheme, plan),
        source_pieces=pieces[0].table,
        target_pieces=pieces[1].table,
        search=_search(decoder, is_firefox=is_firefox),
        name=files.model.resolve().parent.name,
        source_language=languages[0],
        target_language=languages[1],
        notes=(*_notes(config, has_decoder=bool(files.decoder) or is_firefox), *_name_note(languages)),
        scheme=scheme,
        alignment=_alignment(settings, config, files.model.name),
        plan=plan,
        shortlist=shortlist.for_model(
            config.source_vocab_size,
            config.target_vocab_size,
            eos=config.eos_id,
            shared=shares_vocabulary,
            never=config.suppressed_ids,
        )
        if shortlist
        else None,
    )


def _alignment(settings: Settings, config: ModelConfig, name: str) -> AlignmentHeads | None:
    """The head that guided alignment trains, of models whose names say that they were trained with it."""
    if ".intgemm" not in name and "transformer-align" not in name:
        return None
    return AlignmentHeads(((settings.guided_layer(config.decoder_layers), 0),))


def _pieces(files: Files, weights: Weights) -> tuple[Pieces, Pieces]:
    """The source's and the target's vocabulary; that of the target has the start token at its end."""
    source, target = files.vocabularies
    found = (
        read_pieces(source, weights.rows[0], start=weights.is_shared, cuts_with="source.spm"),
        read_pieces(target, weights.rows[1], start=True, cuts_with="target.spm"),
    )
    if found[0].eos != found[1].eos:
        raise ConversionError(f"{source}: has </s> at {found[0].eos}, but {target.name} at {found[1].eos}")
    return found


def _config(settings: Settings, weights: Weights, target: Pieces) -> ModelConfig:
    start = weights.rows[1]
    positions = Positions.LEARNED if weights.positions else Positions.TENSOR2TENSOR
    if settings.flag("transformer-disable-position-embeddings"):
        positions = Positions.NONE
    suppressed = {target.unknown, start, *([] if target.newline is None else [target.newline])}
    try:
        return ModelConfig(
            d_model=settings.count("dim-emb"),
            ffn_dim=settings.count("transformer-dim-ffn"),
            encoder_layers=settings.count("enc-depth"),
            decoder_layers=settings.count("dec-depth"),
            attention_heads=settings.count("transformer-heads"),
            source_vocab_size=weights.rows[0] + weights.is_shared,
            target_vocab_size=start + 1,
            max_positions=weights.positions or _POSITIONS,
            norm=settings.norm(),
            activation=settings.activation(),
            positions=positions,
            scale_embeddings=weights.positions is None,
            embedding_norm=settings.has_embedding_norm(),
            shared_embeddings=weights.is_shared,
            tied_output=weights.is_tied,
            output_bias=True,
            layer_norm_epsilon=LAYER_NORM_EPSILON,
            pad_id=start,
            eos_id=target.eos,
            unk_id=target.unknown,
            decoder_start_id=start,
            suppressed_ids=tuple(sorted(suppressed)),
            decoder_mixer=settings.mixer(),
        )
    except SpecError as error:
        raise settings.error(str(error)) from error


def _notes(config: ModelConfig, *, has_decoder: bool) -> tuple[str, ...]:
    found = []
    if not has_decoder:
        found.append(
            "there is no decoder.yml, so the model is searched as Marian does by itself: with beam 12, and "
            "without division by the length"
        )
    if config.norm is NormPlacement.PRE and config.decoder_mixer is Mixer.ATTENTION:
        found.append(
            "Marian's decoder leaves keys and values of self-attention without layer norm from the second "
            "token on; Octavo has it there, as in Marian's training and scorer"
        )
    return tuple(found)


def _name_note(languages: tuple[str, str]) -> list[str]:
    if languages[0] == UNDETERMINED:
        return []
    pair = " to ".join(languages)
    return [f"{pair} is taken from the model's name; --source-language and --target-language change that"]


def _search(decoder: Settings, *, is_firefox: bool) -> SearchDefaults:
    """How decoder.yml says, else Firefox or Marian itself, to search."""
    beam, power, factor = (1, 1.0, 2.0) if is_firefox else (12, 0.0, 3.0)
    try:
        return SearchDefaults(
            beam=int(decoder.number("beam-size", beam)),
            length_penalty=decoder.number("normalize", power),
            length_ratio=decoder.number("max-length-factor", factor),
            length_margin=0,
            word_penalty=decoder.number("word-penalty", 0.0),
            stop=Stop.SHRINKING,
        )
    except (SpecError, ValueError, OverflowError) as error:
        raise decoder.error(str(error)) from error


def _languages(model: Path) -> tuple[str, str]:
    """The languages that Firefox's names of files tell, or the directory's name."""
    found = _FILE_LANGUAGES.search(model.name)
    found = found or _DIRECTORY_LANGUAGES.fullmatch(model.resolve().parent.name)
    tags = [tag for tag in found.groups() if tag] if found else []
    if not tags or not all(map(is_code, tags)):
        return UNDETERMINED, UNDETERMINED
    return tags[0], tags[1]
