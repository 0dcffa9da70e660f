"""Vocabularies of Marian: sentencepiece files, or names with their ids in YAML, JSON or a line for each."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from reprlib import repr as short
from typing import Any, Final

from octavo.conversion.errors import ConversionError
from octavo.conversion.json_object import read_object
from octavo.conversion.marian.yaml import read_yaml
from octavo.conversion.piece_table import Kind, Piece, PieceTable, unused_pieces
from octavo.conversion.start_token import PAD
from octavo.conversion.tensor_sources.unpacked import open_unpacked
from octavo.conversion.vocabulary import Vocabulary
from octavo.regular_file import read_bounded, read_regular
from octavo.text.tokenizer import MAX_FILE_BYTES

_EOS: Final = ("</s>", "eos")
_UNKNOWN: Final = ("<unk>", "UNK")
NEWLINE: Final = "<0x0A>"


@dataclasses.dataclass(frozen=True, slots=True)
class Pieces:
    """The pieces of a vocabulary by their ids. ``newline``: the token of a line's end, if there is one."""

    table: PieceTable
    eos: int
    unknown: int
    newline: int | None = None


def read_pieces(path: Path, size: int, *, start: bool, cuts_with: str) -> Pieces:
    """The pieces of a model with ``size`` embeddings; ``start`` appends the decoder's first token.

    ``path`` is a sentencepiece file, or a list of names; then the file ``cuts_with`` beside it, such as
    source.spm, cuts text. Raises ConversionError, naming the file.
    """
    if path.name.removesuffix(".gz").endswith(".spm"):
        return _sentencepiece(path, size, start=start)
    cutter = path.parent / cuts_with
    if not cutter.is_file():
        raise ConversionError(
            f"{cutter}: missing; {path.name} lists pieces, and a sentencepiece file of this name cuts text "
            "into them; a model with other pieces (BPE) is not read"
        )
    names = _names(path)
    eos, unknown = (next((name for name in known if name in names), known[0]) for known in (_EOS, _UNKNOWN))
    for name in (eos, unknown):
        if name not in names:
            raise ConversionError(f"{path}: has no token {name!r}; copy the file again")
    pad = PAD if PAD not in names else f"<pad-{size}>"
    named = {**names, pad: size} if start else names
    vocabulary = Vocabulary.checked(path, named, size + start, unknown=unknown, eos=eos, pad=pad)
    table = vocabulary.table(PieceTable.read(cutter), cutter, cuts=cuts_with == "source.spm")
    return Pieces(table, vocabulary.ids[eos], vocabulary.ids[unknown], names.get(NEWLINE))


def _sentencepiece(path: Path, size: int, *, start: bool) -> Pieces:
    with open_unpacked(path) as stream:
        data = read_bounded(stream, MAX_FILE_BYTES)
    try:
        if len(data) > MAX_FILE_BYTES:
            raise ValueError("too large")
        table = PieceTable.parse(data)
    except ValueError as error:
        raise ConversionError(f"{path}: not a sentencepiece model, or truncated; copy it again") from error
    pieces = table.pieces
    if len(pieces) > size:
        raise ConversionError(
            f"{path}: has {len(pieces)} pieces, the model {size} embeddings; the two are of different models"
        )
    found = {piece.text: token for token, piece in enumerate(pieces) if piece.kind is not Kind.NORMAL}
    unknown = next((token for token, piece in enumerate(pieces) if piece.kind is Kind.UNKNOWN), None)
    if unknown is None or _EOS[0] not in found:
        raise ConversionError(f"{path}: has no </s> or no unknown token; it is not made for Marian")
    more = unused_pieces(path, len(pieces), size)
    if start:
        pad = PAD if all(piece.text != PAD for piece in pieces) else f"<pad-{size}>"
        more.append(Piece(pad, 0.0, Kind.CONTROL))
    return Pieces(table.with_pieces([*pieces, *more]), found[_EOS[0]], unknown, found.get(NEWLINE))


def _names(path: Path) -> Mapping[str, Any]:
    """The id of each name."""
    if path.suffix == ".json":
        return read_object(path)
    if path.suffix in (".yml", ".yaml"):
        found = {}
        for name, text in read_yaml(path).items():
            if not isinstance(text, str) or not text.isascii() or not text.isdigit() or len(text) > 9:
                raise ConversionError(
                    f"{path}: token {short(name)} has the id {short(text)}; an id is a number"
                )
            found[name] = int(text)
        return found
    try:
        data = read_regular(path, MAX_FILE_BYTES)
        lines = data.decode("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConversionError(f"{path}: cannot read the vocabulary: {error}") from error
    if len(data) > MAX_FILE_BYTES:
        raise ConversionError(f"{path}: larger than {MAX_FILE_BYTES} bytes, no vocabulary")
    return {line.rstrip("\r"): token for token, line in enumerate(lines[:-1] if not lines[-1] else lines)}
