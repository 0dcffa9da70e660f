"""The pieces of a sentencepiece model file, read and written; the rest of the file is kept as it is.

The file is a protocol buffer, ``ModelProto`` of sentencepiece_model.proto; a piece's id is its place in it.
Only what conversion needs of that encoding is here, so that no protobuf runtime is needed.
"""

from __future__ import annotations

import dataclasses
import enum
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from octavo.conversion.errors import ConversionError
from octavo.model.limits import MAX_VOCABULARY
from octavo.regular_file import read_regular
from octavo.text.tokenizer import MAX_FILE_BYTES

_VARINT: Final = 0
_FIXED64: Final = 1
_BYTES: Final = 2
_FIXED32: Final = 5

# Fields of ModelProto, of its SentencePiece, of TrainerSpec and of NormalizerSpec.
_PIECES: Final = 1
_TRAINER: Final = 2
_NORMALIZER: Final = 3
_SELF_TEST: Final = 4
_PIECE_TEXT: Final = 1
_PIECE_SCORE: Final = 2
_PIECE_KIND: Final = 3
_MODEL_TYPE: Final = 3
_BYTE_FALLBACK: Final = 35
_UNKNOWN_SURFACE: Final = 44
_CHARACTER_MAP: Final = 2
_PREFIX: Final = 3
_REMOVE_SPACES: Final = 4

NEVER_MERGED: Final = -1e9
"""A score so low that BPE merges everything else first."""

_MAX_VARINT_BYTES: Final = 10


class Kind(enum.IntEnum):
    """What a piece is. CONTROL and UNUSED are never found in text; CONTROL decodes to nothing."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


class Algorithm(enum.IntEnum):
    """How sentencepiece cuts text."""

    UNIGRAM = 1
    BPE = 2
    WORD = 3
    CHAR = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """A piece: its text, its score (a float32) and its kind."""

    text: str
    score: float
    kind: Kind


def unused_piece(token: int) -> Piece:
    """The piece of a token that no text has and that decodes to nothing."""
    return Piece(f"<unused-{token}>", 0.0, Kind.CONTROL)


def unused_pieces(path: Path, first: int, size: int) -> list[Piece]:
    """The unused pieces of the tokens from ``first`` to the last of a model's ``size`` tokens.

    Raises ConversionError, naming ``path``, the vocabulary, for more tokens than a model may have.
    """
    if size > MAX_VOCABULARY:
        raise ConversionError(
            f"{path}: the model states {size} tokens for this vocabulary; it has at most {MAX_VOCABULARY}"
        )
    return [unused_piece(token) for token in range(first, size)]


class PieceTable:
    """A sentencepiece model: ``pieces`` in the order of their ids, ``algorithm``, and how it normalizes."""

    def __init__(self, pieces: list[Piece], trainer: bytes, others: bytes) -> None:
        self.pieces = pieces
        self._trainer = trainer
        self._others = others
        kinds = [value for number, value in _fields(trainer) if number == _MODEL_TYPE]
        self.algorithm = Algorithm(int(kinds[-1]) if kinds else Algorithm.UNIGRAM)

    @classmethod
    def read(cls, path: Path) -> PieceTable:
        """Parse a file. Raises ConversionError, naming it, where it is missing or no sentencepiece model."""
        try:
            data = read_regular(path, MAX_FILE_BYTES)
            if len(data) > MAX_FILE_BYTES:
                raise ValueError("too large")
            return cls.parse(data)
        except FileNotFoundError as error:
            raise ConversionError(f"{path}: missing; copy the whole model directory") from error
        except OSError as error:
            raise ConversionError(f"{path}: cannot read: {error.strerror or error}") from error
        except ValueError as error:
            raise ConversionError(
                f"{path}: not a sentencepiece model, or truncated; copy it again"
            ) from error

    @classmethod
    def parse(cls, data: bytes) -> PieceTable:
        """Parse a file's bytes. Raises ValueError."""
        pieces = []
        trainer: list[bytes] = []
        others: list[bytes] = []
        found = set()
        for number, value in _fields(data):
            if not isinstance(value, bytes):
                raise ValueError("a ModelProto holds messages only")
            found.add(number)
            if number == _PIECES:
                pieces.append(_parse_piece(value))
            elif number == _TRAINER:
                trainer.append(value)
            elif number != _SELF_TEST:  # it lists ids that change
                others.append(_encode_bytes(number, value))
        if not found >= {_PIECES, _TRAINER, _NORMALIZER}:
            raise ValueError("a part is missing")
        return cls(pieces, b"".join(trainer), b"".join(others))

    @property
    def keeps_spaces(self) -> bool:
        """Whether spaces at the ends of a text, and all but one in a row, are pieces too."""
        normalizer = b"".join(
            value
            for number, value in _fields(self._others)
            if number == _NORMALIZER and isinstance(value, bytes)
        )
        removes = [value for number, value in _fields(normalizer) if number == _REMOVE_SPACES]
        return bool(removes) and not removes[-1]

    @classmethod
    def made(
        cls,
        pieces: list[Piece],
        algorithm: Algorithm,
        *,
        character_map: bytes,
        prefix: bool,
        removes_spaces: bool,
        byte_fallback: bool,
    ) -> PieceTable:
        """A model that normalizes by ``character_map``, as sentencepiece compiles it; b"" changes nothing.

        ``prefix``: a text begins with a space. ``removes_spaces``: those at its ends, all but one in a row.
        ``byte_fallback``: what is unknown becomes its bytes. An unknown token decodes to nothing.
        """
        trainer = _encode_flag(_MODEL_TYPE, algorithm) + _encode_flag(_BYTE_FALLBACK, byte_fallback)
        normalizer = (
            _encode_bytes(_CHARACTER_MAP, character_map)
            + _encode_flag(_PREFIX, prefix)
            + _encode_flag(_REMOVE_SPACES, removes_spaces)
        )
        return cls([], trainer, _encode_bytes(_NORMALIZER, normalizer)).with_pieces(pieces)

    def with_pieces(self, pieces: list[Piece]) -> PieceTable:
        """The same model with other pieces; an unknown token decodes to nothing."""
        trainer = self._trainer + _encode_bytes(_UNKNOWN_SURFACE, b"")  # the last of a field counts
        return PieceTable(pieces, trainer, self._others)

    def to_bytes(self) -> bytes:
        """The file."""
        pieces = b"".join(_encode_bytes(_PIECES, _encode_piece(piece)) for piece in self.pieces)
        return pieces + _encode_bytes(_TRAINER, self._trainer) + self._others


def _parse_piece(data: bytes) -> Piece:
    text, score, kind = "", 0.0, Kind.NORMAL
    for number, value in _fields(data):
        if number == _PIECE_TEXT and isinstance(value, bytes):
            text = value.decode("utf-8")
        elif number == _PIECE_SCORE and isinstance(value, float):
            score = value
        elif number == _PIECE_KIND and isinstance(value, int):
            kind = Kind(value)
    return Piece(text, score, kind)


def _encode_piece(piece: Piece) -> bytes:
    text = _encode_bytes(_PIECE_TEXT, piece.text.encode("utf-8"))
    score = _encode_varint(_PIECE_SCORE << 3 | _FIXED32) + struct.pack("<f", piece.score)
    if piece.kind is Kind.NORMAL:
        return text + score
    return text + score + _encode_varint(_PIECE_KIND << 3 | _VARINT) + _encode_varint(piece.kind)


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int | float]]:
    """Number and value of each field. Raises ValueError where the message is cut short or malformed."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        value: bytes | int | float
        if kind == _VARINT:
            value, at = _varint(data, at)
        elif kind == _BYTES:
            size, at = _varint(data, at)
            value, at = data[at : at + size], at + size
        elif kind == _FIXED32:
            value, at = struct.unpack_from("<f", data.ljust(at + 4, b"\0"), at)[0], at + 4
        elif kind == _FIXED64:
            value, at = data[at : at + 8], at + 8
        else:
            raise ValueError(f"field type {kind}")
        if at > len(data):
            raise ValueError("cut short")
        yield tag >> 3, value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at ``at`` and where it ends."""
    value = 0
    for i, byte in enumerate(data[at : at + _MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, at + i + 1
    raise ValueError("a number without end")


def _encode_varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _encode_flag(number: int, value: int) -> bytes:
    return _encode_varint(number << 3 | _VARINT) + _encode_varint(value)


def _encode_bytes(number: int, value: bytes) -> bytes:
    return _encode_varint(number << 3 | _BYTES) + _encode_varint(len(value)) + value
