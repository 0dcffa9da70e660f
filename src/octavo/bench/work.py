"""The work of a measurement: what is translated, and with which search."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from octavo.engine import SearchOptions
from octavo.engine.hypothesis import TokenIds
from octavo.engine.target_prefixes import target_prefixes
from octavo.errors import InputError
from octavo.languages import Direction
from octavo.model.config import ModelConfig
from octavo.model.limits import MAX_LENGTH_RATIO, MAX_POSITIONS
from octavo.model.search import SearchDefaults


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Work:
    """Sources (ids without EOS) and the search. ``forced``: every translation has this many tokens.
    ``direction``: from which language to which, where the sources are text."""

    sources: Sequence[TokenIds]
    options: SearchOptions
    forced: int | None = None
    direction: Direction | None = None

    def target_prefixes(self, sentences: int) -> list[TokenIds | None] | None:
        """What so many translations begin with, as ``Engine.translate`` takes it."""
        return None if self.direction is None else target_prefixes(self.direction, sentences)

    def source_tokens(self, config: ModelConfig) -> int:
        """Tokens that the encoder reads, EOS included where the model appends it."""
        return sum(len(source) + config.source_eos for source in self.sources)

    def row_steps(self, translations: Sequence[int]) -> int | None:
        """Rows of all decoding steps together; ``translations``: tokens of each result, EOS included.

        A sentence's first step has one row, the others ``beam``; greedy search has one row a token. None: a
        beam search whose lengths are not forced, where hypotheses that finish leave rows out.
        """
        if self.forced is not None:
            return len(self.sources) * (1 + (self.forced - 1) * self.options.beam)
        return sum(translations) if self.options.beam == 1 else None


def forced_options(
    defaults: SearchDefaults, config: ModelConfig, length: int, **changes: Any
) -> SearchOptions:
    """A search whose translations all have ``length`` tokens. Raises InputError where the model has fewer."""
    if not 1 <= length <= config.max_positions:
        raise InputError(f"{length} forced tokens: the model makes from 1 to {config.max_positions}")
    return SearchOptions.from_defaults(
        defaults,
        **changes,
        min_length=length,
        max_length=length,
        length_ratio=float(MAX_LENGTH_RATIO),
        length_margin=MAX_POSITIONS,
    )


def random_sources(config: ModelConfig, lengths: Sequence[int], seed: int = 0) -> list[TokenIds]:
    """Sources of these lengths, of any tokens but special ones; cut to what the model can read."""
    special = {config.pad_id, config.eos_id, config.unk_id, config.decoder_start_id, *config.suppressed_ids}
    tokens = np.setdiff1d(np.arange(config.source_vocab_size, dtype=np.int32), sorted(special))
    rng = np.random.default_rng(seed)
    return [rng.choice(tokens, length) for length in cut(config, lengths)]


def cut(config: ModelConfig, lengths: Sequence[int]) -> list[int]:
    """Lengths of sources, none more than the model can read beside EOS."""
    return [min(length, config.max_positions - config.source_eos) for length in lengths]
