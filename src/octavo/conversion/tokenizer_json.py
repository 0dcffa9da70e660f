"""tokenizer.json, as the library Tokenizers writes it: a sentencepiece vocabulary in other words.

Read are the kinds that sentencepiece has: Unigram with its scores and BPE with its merges, over text that is
normalized by sentencepiece's own character map and whose spaces become ``▁``. What comes out is a PieceTable
whose ids are the tokens.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import re
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from octavo.conversion.added_token import AddedToken
from octavo.conversion.errors import ConversionError
from octavo.conversion.json_object import read_object
from octavo.conversion.piece_table import (
    NEVER_MERGED,
    Algorithm,
    Kind,
    Piece,
    PieceTable,
    unused_piece,
    unused_pieces,
)
from octavo.model.limits import MAX_VOCABULARY

_BYTE: Final = re.compile(r"<0x[0-9A-F]{2}>")
_SPACE: Final = "▁"
_RUNS_OF_SPACES: Final = {" {2,}", "  +", r"\s+", " +"}

_LARGEST_SCORE: Final = 3e38
_LONGEST_MERGED: Final = 512
"""Characters of a piece that merges make: each of its splits is looked up."""


@dataclasses.dataclass(frozen=True, slots=True)
class TokenizerFile:
    """What the file says. ``pieces`` has a piece for each id of ``ids``; ``unknown`` is the unknown token's.

    Special tokens are control pieces: no text is cut into them, and they decode to nothing.
    """

    path: Path
    pieces: PieceTable
    ids: Mapping[str, int]
    added: tuple[AddedToken, ...]
    unknown: int

    def table(self, size: int) -> PieceTable:
        """``pieces`` for a model of ``size`` tokens. Raises ConversionError where there are more of them."""
        pieces = self.pieces.pieces
        if len(pieces) > size:
            raise ConversionError(f"{self.path}: has {len(pieces)} tokens, but the model has {size}")
        return self.pieces.with_pieces([*pieces, *unused_pieces(self.path, len(pieces), size)])


def read_tokenizer(path: Path) -> TokenizerFile:
    """Read the file. Raises ConversionError, naming the part, for what sentencepiece does not do."""
    return _Reader(path).read()


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.values = read_object(path)
        self.model = self._object(self.values.get("model"), "model")

    def read(self) -> TokenizerFile:
        added = tuple(sorted(self._added(), key=lambda token: token.id))
        kind = self.model.get("type")
        kind = "BPE" if kind is None and "merges" in self.model else kind
        if kind == "Unigram":
            algorithm, scores, unknown = Algorithm.UNIGRAM, self._unigram(), self._unigram_unknown()
        elif kind == "BPE":
            algorithm, scores, unknown = Algorithm.BPE, self._bpe(added), self._bpe_unknown(added)
        else:
            raise self._refused(f"its model is {reprlib.repr(kind)}; Unigram and BPE are read")
        prefix, splits_at_spaces = self._pre_tokenizer()
        character_map, removes_spaces = self._normalizer()
        byte_fallback = self.model.get("byte_fallback") is True
        names = self._names(scores, added)
        kinds = {token.id: Kind.CONTROL if token.special else Kind.UNUSED for token in added}
        kinds[unknown] = Kind.UNKNOWN
        pieces = [
            Piece(name, scores.get(name, NEVER_MERGED), kinds.get(token) or _kind(name, token, byte_fallback))
            for token, name in enumerate(names)
        ]
        table = PieceTable.made(
            pieces,
            algorithm,
            character_map=character_map,
            prefix=prefix,
            removes_spaces=removes_spaces or splits_at_spaces,
            byte_fallback=byte_fallback,
        )
        ids = {name: token for token, name in enumerate(names)}
        return TokenizerFile(self.path, table, ids, added, unknown)

    def _names(self, scores: Mapping[str, float], added: Sequence[AddedToken]) -> list[str]:
        """The name of each token: the model's by its vocabulary, then those that were added."""
        names = dict(enumerate(scores)) if isinstance(self.model.get("vocab"), list) else self._ids_by_name()
        names |= {token.id: token.text for token in added}
        ids: dict[str, int] = {}
        for token, name in names.items():
            if (other := ids.setdefault(name, token)) != token:
                raise self._refused(f"the tokens {other} and {token} are both {reprlib.repr(name)}")
        return [names.get(token, unused_piece(token).text) for token in range(max(names, default=-1) + 1)]

    def _ids_by_name(self) -> dict[int, str]:
        names: dict[int, str] = {}
        for name, token in self._object(self.model.get("vocab"), "model.vocab").items():
            if not isinstance(token, int) or isinstance(token, bool) or not 0 <= token < MAX_VOCABULARY:
                raise self._refused(f"token {name[:50]!r} has the id {reprlib.repr(token)}")
            if token in names:
                raise self._refused(f"tokens {names[token][:50]!r} and {name[:50]!r} share the id {token}")
            if not name:
                raise self._refused(f"the token with the id {token} has no name")
            names[token] = name
        return names

    def _unigram(self) -> dict[str, float]:
        """The score of each piece, in the order of the ids."""
        scores: dict[str, float] = {}
        vocabulary = self.model.get("vocab")
        for entry in vocabulary if isinstance(vocabulary, list) else ():
            pair: list[Any] = entry if isinstance(entry, list) and len(entry) == 2 else [None, None]
            name, score = pair
            is_score = type(score) in (int, float) and abs(score) < _LARGEST_SCORE  # NaN is not
            if not isinstance(name, str) or not name or not is_score:
                raise self._refused(f"entry {len(scores)} of model.vocab is no piece with a score")
            if name in scores:
                raise self._refused(f"piece {name[:50]!r} is in model.vocab twice")
            scores[name] = float(score)
        if not 0 < len(scores) <= MAX_VOCABULARY:
            raise self._refused("model.vocab is no list of pieces")
        return scores

    def _unigram_unknown(self) -> int:
        unknown = self.model.get("unk_id")
        if not isinstance(unknown, int) or not 0 <= unknown < len(self.model["vocab"]):
            raise self._refused(f"unk_id = {reprlib.repr(unknown)}: expected a token's id")
        return unknown

    def _bpe(self, added: Sequence[AddedToken]) -> dict[str, float]:
        """A score for each piece, so that sentencepiece merges in the order of the list."""
        ids = {name: token for token, name in self._ids_by_name().items()}
        merges = self._merges()
        order: dict[str, int] = {}
        for left, right in merges:
            if not {left, right, left + right} <= ids.keys():
                raise self._refused(f"merges {left[:50]!r} and {right[:50]!r}, but not all are tokens")
            order.setdefault(left + right, len(order))
        outside = {token.text for token in added}
        for piece in order:
            if len(piece) > _LONGEST_MERGED:
                raise self._refused(
                    f"its merges make {piece[:50]!r}, {len(piece)} characters; {_LONGEST_MERGED} are read"
                )
            for at in range(1, len(piece)):
                left, right = piece[:at], piece[at:]
                inside = left in ids and right in ids and not {left, right} & outside
                if inside and (left, right) not in merges:
                    raise self._refused(
                        f"its merges do not make {piece[:50]!r} of {left[:50]!r} and {right[:50]!r}, as "
                        "sentencepiece would; convert a directory with the sentencepiece file"
                    )
        return {name: -float(order.get(name, len(order) + token)) for name, token in ids.items()}

    def _merges(self) -> dict[tuple[str, str], None]:
        found: dict[tuple[str, str], None] = {}
        merges = self.model.get("merges")
        for entry in merges if isinstance(merges, list) else ():
            pair = entry.split(" ") if isinstance(entry, str) else entry
            is_pair = isinstance(pair, list) and len(pair) == 2
            if not is_pair or not all(isinstance(part, str) and part for part in pair):
                raise self._refused(f"merge {len(found)} is no pair of pieces")
            found[pair[0], pair[1]] = None
        return found

    def _bpe_unknown(self, added: Sequence[AddedToken]) -> int:
        name = str(self.model.get("unk_token"))
        vocabulary = self.model["vocab"]
        unknown = {token.text: token.id for token in added}.get(name, vocabulary.get(name))
        if not isinstance(unknown, int):
            raise self._refused(f"unk_token = {reprlib.repr(name)}: expected a token's name")
        return unknown

    def _pre_tokenizer(self) -> tuple[bool, bool]:
        """Whether a text begins with a space, and whether it is split at spaces, so that none are left."""
        prefix, splits_at_spaces = None, False
        for step in self._steps("pre_tokenizer", "pretokenizers"):
            if step["type"] == "Metaspace" and step.get("replacement", _SPACE) == _SPACE:
                scheme = step.get("prepend_scheme")
                prefix = scheme != "never" if scheme else step.get("add_prefix_space") is not False
            elif step["type"] == "WhitespaceSplit":
                splits_at_spaces = True
            else:
                raise self._refused(
                    f"its pre_tokenizer is {reprlib.repr(step['type'])}, which sentencepiece has not; "
                    "Octavo needs a sentencepiece vocabulary"
                )
        if prefix is None:
            raise self._refused("it has no pre_tokenizer Metaspace; Octavo needs a sentencepiece vocabulary")
        return prefix, splits_at_spaces

    def _normalizer(self) -> tuple[bytes, bool]:
        """The character map, and whether all but one of several spaces are removed."""
        character_map, removes_spaces = b"", False
        for step in self._steps("normalizer", "normalizers"):
            if step["type"] == "Precompiled":
                character_map = self._character_map(step.get("precompiled_charsmap"))
            elif step["type"] == "Replace" and self._is_run_of_spaces(step):
                removes_spaces = True
            elif step["type"] != "Strip":  # Octavo gives no text with spaces at its ends
                raise self._refused(
                    f"its normalizer is {reprlib.repr(step['type'])}, which sentencepiece has not; "
                    "Octavo needs a sentencepiece vocabulary"
                )
        return character_map, removes_spaces

    def _is_run_of_spaces(self, step: Mapping[str, Any]) -> bool:
        pattern = step.get("pattern")
        regex = pattern.get("Regex") if isinstance(pattern, dict) else None
        return regex in _RUNS_OF_SPACES and step.get("content") in (" ", _SPACE)

    def _character_map(self, encoded: Any) -> bytes:
        try:
            return base64.b64decode(encoded or "", validate=True)
        except (TypeError, ValueError, binascii.Error) as error:
            raise self._refused("precompiled_charsmap is not in base64") from error

    def _steps(self, key: str, several: str) -> Iterator[dict[str, Any]]:
        """The parts of a normalizer or pre-tokenizer, one after the other."""
        left = [self.values.get(key)]  # the next one last
        while left:
            step = left.pop()
            if step is None:
                continue
            if not isinstance(step, dict) or not isinstance(step.get("type"), str):
                raise self._refused(f"{key}: expected an object with a type")
            if step["type"] != "Sequence":
                yield step
            elif isinstance(step.get(several), list):
                left.extend(reversed(step[several]))

    def _added(self) -> Iterator[AddedToken]:
        tokens = self.values.get("added_tokens") or []
        for value in tokens if isinstance(tokens, list) else [None]:
            token = AddedToken.of(value, value.get("id") if isinstance(value, dict) else None)
            if token is None or token.id >= MAX_VOCABULARY:
                raise self._refused("an added token has no text or no id")
            yield token

    def _object(self, value: Any, key: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._refused(f"{key}: expected an object")
        return value

    def _refused(self, why: str) -> ConversionError:
        return ConversionError(f"{self.path}: {why}")


def _kind(name: str, token: int, byte_fallback: bool) -> Kind:
    """What a token is that was not added."""
    if byte_fallback and _BYTE.fullmatch(name):
        return Kind.BYTE
    return Kind.CONTROL if name == unused_piece(token).text else Kind.NORMAL
