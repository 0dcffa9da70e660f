"""What translations begin with, as an engine takes it."""

from __future__ import annotations

import numpy as np

from octavo.engine.hypothesis import TokenIds
from octavo.languages import Direction


def target_prefixes(direction: Direction, sentences: int) -> list[TokenIds | None] | None:
    """For ``Engine.translate``: the target prefix of so many sentences of one direction."""
    if not direction.target_prefix:
        return None
    return [np.array(direction.target_prefix, np.int32)] * sentences
