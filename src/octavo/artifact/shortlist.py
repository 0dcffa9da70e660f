"""Shortlists: which target tokens may translate a source; the file a model directory keeps them in."""

from __future__ import annotations

import dataclasses
import textwrap
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from octavo.artifact.tensors_file import save_tensors
from octavo.errors import ModelError
from octavo.model.config import ModelConfig
from octavo.model.errors import SpecError

TokenList: TypeAlias = npt.NDArray[np.int32]

SHORTLIST_FILE: Final = "shortlist.safetensors"

_TENSORS: Final = ("common", "offsets", "tokens")
_MOST_TOKENS: Final = 1 << 28


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Shortlist:
    """Ascending lists of target tokens, int32: the ``common`` ones, which any source may use, and for source
    token s tokens[offsets[s]:offsets[s + 1]]. A sentence's candidates are the common ones and those of its
    source tokens (docs/model-format.md).
    """

    common: TokenList
    offsets: TokenList
    tokens: TokenList

    def of(self, source: int) -> TokenList:
        """The list of one source token."""
        return self.tokens[self.offsets[source] : self.offsets[source + 1]]

    def own(self, source: npt.ArrayLike) -> TokenList:
        """What a sentence's tokens (ids without EOS) add to the common ones, ascending."""
        lists = [self.of(int(token)) for token in np.unique(np.asarray(source, np.int64))]
        return np.unique(np.concatenate([np.empty(0, np.int32), *lists]))

    def check(self, config: ModelConfig) -> None:
        """Raise SpecError, naming the list, where this is no shortlist of such a model."""
        for problem_of in (self._shape_problem, self._common_problem, self._own_problem):
            if problem := problem_of(config):
                raise SpecError(f"shortlist: {problem}")

    def _shape_problem(self, config: ModelConfig) -> str | None:
        for name in _TENSORS:
            array = getattr(self, name)
            if array.dtype != np.int32 or array.ndim != 1:
                return f"{name} is {array.dtype} {list(array.shape)}, not a list of int32"
        wanted = config.source_vocab_size + 1
        if len(self.offsets) != wanted:
            return f"offsets has {len(self.offsets)} entries; a model of this source vocabulary has {wanted}"
        falling = (self.offsets[1:] < self.offsets[:-1]).any()
        if self.offsets[0] != 0 or falling or self.offsets[-1] != len(self.tokens):
            return f"offsets does not cut the {len(self.tokens)} tokens into lists"
        return None

    def _common_problem(self, config: ModelConfig) -> str | None:
        if problem := _range_problem("common", self.common, config):
            return problem
        if (np.diff(self.common) <= 0).any():
            return "common is not ascending"
        if config.eos_id not in self.common:
            return f"common lacks EOS, token {config.eos_id}: no translation could end"
        if len(np.setdiff1d(self.common, [config.eos_id, *config.suppressed_ids])) == 0:
            return "common has no token that could be produced but EOS"
        return None

    def _own_problem(self, config: ModelConfig) -> str | None:
        if problem := _range_problem("tokens", self.tokens, config):
            return problem
        first = np.zeros(len(self.tokens) + 1, bool)
        first[self.offsets] = True
        for faults, what in (
            (np.r_[False, np.diff(self.tokens) <= 0] & ~first[:-1], "is not ascending"),
            (np.isin(self.tokens, self.common), "repeats a common token"),
            (np.isin(self.tokens, config.suppressed_ids), "holds a token that is never produced"),
        ):
            if faults.any():
                source = int(np.searchsorted(self.offsets, np.argmax(faults), side="right")) - 1
                return f"the list of source token {source} {what}"
        return None


def _range_problem(name: str, tokens: TokenList, config: ModelConfig) -> str | None:
    outside = tokens[(tokens < 0) | (tokens >= config.target_vocab_size)]
    if len(outside):
        return f"{name} holds {outside[0]}, outside the target vocabulary of {config.target_vocab_size}"
    return None


def full_shortlist(config: ModelConfig) -> Shortlist:
    """The shortlist that leaves nothing out."""
    return Shortlist(
        np.arange(config.target_vocab_size, dtype=np.int32),
        np.zeros(config.source_vocab_size + 1, np.int32),
        np.empty(0, np.int32),
    )


def read_shortlist(path: Path, config: ModelConfig) -> Shortlist:
    """Read and check a shortlist of a model of this configuration. Raises ModelError, naming the file."""
    try:
        with safe_open(path, framework="numpy", backend="pread") as stream:
            if sorted(stream.keys()) != sorted(_TENSORS):
                raise ModelError(f"{path}: holds {sorted(stream.keys())}; must hold {', '.join(_TENSORS)}")
            for name in _TENSORS:
                view = stream.get_slice(name)
                shape = view.get_shape()
                if view.get_dtype() != "I32" or len(shape) != 1 or shape[0] > _MOST_TOKENS:
                    raise ModelError(f"{path}: {name} is {view.get_dtype()} {shape}, not a list of I32")
            shortlist = Shortlist(*(stream.get_tensor(name) for name in _TENSORS))
    except (SafetensorError, OSError) as error:
        reason = textwrap.shorten(str(error), 200)
        raise ModelError(f"{path}: cannot read the shortlist ({reason}); copy the file again") from error
    try:
        shortlist.check(config)
    except SpecError as error:
        raise ModelError(f"{path}: {error}; build it again with `octavo shortlist`") from error
    return shortlist


def write_shortlist(path: Path, shortlist: Shortlist, config: ModelConfig) -> None:
    """Write the file. Raises SpecError where the shortlist is none of such a model, OSError."""
    shortlist.check(config)
    save_tensors({name: np.ascontiguousarray(getattr(shortlist, name)) for name in _TENSORS}, path)
