"""How much memory a loaded model takes."""

from __future__ import annotations

import math

from octavo.artifact.description import Description, stored_tensors
from octavo.engine.precision import Precision
from octavo.model.config import Positions
from octavo.model.tensor_table import DType

_PER_VOCABULARY_BYTE = (
    3  # sentencepiece's pieces, trie and scores, measured on vocabularies of 8,000 and 32,000
)


def memory_bytes(model: Description, precision: Precision) -> int:
    """Bytes of the weights as the engine keeps them, of the positions and of the vocabularies.

    What sentences under way need comes on top: it grows with the threads, the beam and the length of
    sentences, not with the number of models.
    """
    total = 0
    for spec in stored_tensors(model.config, model.scheme, model.plan):
        width = 1 if precision != "float32" and DType.I8 in spec.dtypes else 4
        total += width * math.prod(spec.shape)
    if model.config.positions is not Positions.LEARNED:
        total += 4 * (model.config.max_positions + model.config.position_offset) * model.config.d_model
    vocabularies = {model.source_tokenizer, model.target_tokenizer}
    return total + sum(_PER_VOCABULARY_BYTE * vocabulary.bytes for vocabulary in vocabularies)
