"""What a family's reader finds out about a model: everything that a model directory is written from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from octavo.artifact.shortlist import Shortlist
from octavo.conversion.piece_table import PieceTable
from octavo.conversion.tensor_source import Array
from octavo.languages import Languages
from octavo.model.alignment_heads import AlignmentHeads
from octavo.model.config import ModelConfig
from octavo.model.plan import QuantizationPlan
from octavo.model.scheme import Scheme
from octavo.model.search import SearchDefaults
from octavo.text.added_tokens import NO_ADDED_TOKENS, AddedTokens

UNDETERMINED = "und"
"""The language tag of a model that does not say its language."""


@dataclasses.dataclass(frozen=True, slots=True)
class Described:
    """A model of another program in our terms.

    ``tensors`` holds exactly those that ``config``, ``scheme`` and ``plan`` imply; each is made when it is
    asked for. ``source_pieces`` and ``target_pieces`` may be one table. ``notes`` say, in sentences, what the
    model asks for and Octavo does not do.
    """

    config: ModelConfig
    tensors: Mapping[str, Array]
    source_pieces: PieceTable
    target_pieces: PieceTable
    search: SearchDefaults
    name: str
    source_language: str = UNDETERMINED
    target_language: str = UNDETERMINED
    languages: Languages | None = None
    added: AddedTokens = NO_ADDED_TOKENS
    notes: tuple[str, ...] = ()
    scheme: Scheme = Scheme.NONE
    plan: QuantizationPlan | None = None
    shortlist: Shortlist | None = None
    alignment: AlignmentHeads | None = None
