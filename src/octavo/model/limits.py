"""The limits of models, of engines and of searches."""

from __future__ import annotations

from typing import Final

MAX_DIMENSION: Final = 65_536
MAX_VOCABULARY: Final = 1_048_576
MAX_LAYERS: Final = 256
MAX_POSITIONS: Final = 65_536
MAX_ALIGNMENT_HEADS: Final = 16
MAX_THREADS: Final = 1024  # of one engine; native/base/team.cpp has the same
MAX_BEAM: Final = 64
MAX_LENGTH_PENALTY: Final = 10
MAX_LENGTH_RATIO: Final = 100
MAX_WORD_PENALTY: Final = 10
MIN_REPETITION_PENALTY: Final = 0.1
MAX_REPETITION_PENALTY: Final = 10
MAX_POLYNOMIAL_DEGREE: Final = 4
MAX_RELATIVE_BUCKETS: Final = 1024
