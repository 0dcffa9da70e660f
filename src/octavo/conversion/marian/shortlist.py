"""Lexical shortlists of Marian and Firefox: ``lex.50.50.*.s2t.bin``.

Source of the format: marian-dev of browsermt, src/data/shortlist.cpp (``BinaryShortlistGenerator``).
Little-endian: u64 magic, checksum, first, best, number of offsets, number of ids; the offsets, u64; the ids,
u32. The candidates of a sentence are the ids below ``first`` and the lists of its tokens, EOS too; where both
languages share a vocabulary its tokens themselves as well. Marian fills these up to a multiple of eight; this
reader does not.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Collection
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from octavo.artifact.shortlist import Shortlist
from octavo.conversion.errors import ConversionError
from octavo.conversion.tensor_sources.unpacked import open_unpacked
from octavo.model.limits import MAX_VOCABULARY
from octavo.regular_file import read_bounded

MAGIC: Final = 0xF11A48D5013417F5
_HEADER: Final = struct.Struct("<6Q")
_CHECKED_FROM: Final = 16
_MAX_BYTES: Final = 1 << 30
_WORD: Final = (1 << 64) - 1


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class LexicalShortlist:
    """Target tokens for each source token, ascending: ids[offsets[s]:offsets[s + 1]]; those below ``first``
    are for all."""

    path: Path
    first: int
    offsets: npt.NDArray[np.int64]
    ids: npt.NDArray[np.int64]

    @classmethod
    def read(cls, path: Path) -> LexicalShortlist:
        """Read and check a file, also one that ends in .gz. Raises ConversionError, naming it."""
        with open_unpacked(path) as stream:
            data = read_bounded(stream, _MAX_BYTES)
        try:
            if len(data) > _MAX_BYTES:
                raise ValueError(f"it is larger than {_MAX_BYTES >> 20} MiB")
            first, offsets, ids = _parse(data)
        except ValueError as error:
            raise ConversionError(
                f"{path}: no lexical shortlist of Marian: {error}; copy it again"
            ) from error
        return cls(path, first, offsets, ids)

    def of(self, source: int) -> npt.NDArray[np.int64]:
        """The list of a source token."""
        return self.ids[self.offsets[source] : self.offsets[source + 1]]

    def for_model(
        self, source_size: int, target_size: int, *, eos: int, shared: bool, never: Collection[int]
    ) -> Shortlist:
        """The same for a model of these vocabularies; ``never``: tokens that are not produced.

        ``shared``: both have one vocabulary. Raises ConversionError where the file is of another model.
        """
        tokens = len(self.offsets) - 1
        if (
            not eos < tokens <= source_size
            or self.ids.max(initial=0) >= target_size
            or self.first > target_size
        ):
            raise ConversionError(
                f"{self.path}: has lists for {tokens} source tokens and target tokens up to "
                f"{self.ids.max(initial=0)}; the model has {source_size} and {target_size} tokens, so it is "
                "another model's"
            )
        common = np.union1d(np.arange(self.first), self.of(eos))
        produced = np.ones(target_size, bool)
        produced[[*common, *never]] = False
        sources, targets = np.repeat(np.arange(tokens), np.diff(self.offsets)), self.ids
        if shared:
            own = np.arange(source_size)
            sources, targets = np.append(sources, own), np.append(targets, own)
        pairs = np.unique((sources * target_size + targets)[produced[targets]])  # by source, then target
        counts = np.bincount(pairs // target_size, minlength=source_size)
        offsets = np.append(0, np.cumsum(counts))
        return Shortlist(*(array.astype(np.int32) for array in (common, offsets, pairs % target_size)))


def _parse(data: bytes) -> tuple[int, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """``first``, the offsets and the ids. Raises ValueError."""
    if len(data) < _HEADER.size:
        raise ValueError("it is cut short")
    magic, checksum, first, _, offset_count, id_count = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise ValueError("it begins with another number")
    if not 1 <= offset_count <= MAX_VOCABULARY + 1 or first > MAX_VOCABULARY:
        raise ValueError(f"it speaks of {offset_count} offsets and {first} frequent words")
    if len(data) != _HEADER.size + 8 * offset_count + 4 * id_count:
        raise ValueError(f"it is {len(data)} bytes, not as many as {offset_count} offsets and {id_count} ids")
    if checksum_of(data[_CHECKED_FROM:]) != checksum:
        raise ValueError("its checksum is another")
    offsets = np.frombuffer(data, "<u8", offset_count, _HEADER.size)
    ids = np.frombuffer(data, "<u4", id_count, _HEADER.size + 8 * offset_count)
    if offsets[0] != 0 or offsets[-1] != id_count or (offsets[1:] < offsets[:-1]).any():
        raise ValueError(f"its offsets do not cut {id_count} ids into lists")
    return first, offsets.astype(np.int64), ids.astype(np.int64)


def checksum_of(data: bytes) -> int:
    """The checksum of what comes after it: over words of eight bytes, an incomplete last one left out."""
    found = 0
    for word in np.frombuffer(data, "<u8", len(data) // 8).tolist():
        found ^= (word + 0x9E3779B9 + (found << 6 & _WORD) + (found >> 2)) & _WORD
    return found
