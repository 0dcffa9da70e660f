"""BLEU, chrF and length of translations against references, as sacreBLEU computes them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF


@dataclasses.dataclass(frozen=True, slots=True)
class Quality:
    """Corpus scores. The signatures name sacreBLEU's version and settings (Post, 2018).

    ``length_ratio``: tokens of the translations over tokens of the references, as BLEU counts them.
    """

    bleu: float
    bleu_signature: str
    chrf: float
    chrf_signature: str
    length_ratio: float


def measure_quality(translations: Sequence[str], references: Sequence[str]) -> Quality:
    """Scores of ``translations`` against one reference each. Raises ValueError for unequal numbers."""
    if len(translations) != len(references):
        raise ValueError(f"{len(translations)} translations, {len(references)} references")
    if not references:
        raise ValueError("no references")
    bleu, chrf = BLEU(), CHRF()
    bleu_score = bleu.corpus_score(translations, [references])
    chrf_score = chrf.corpus_score(translations, [references])
    return Quality(
        bleu=float(bleu_score.score),
        bleu_signature=str(bleu.get_signature()),
        chrf=float(chrf_score.score),
        chrf_signature=str(chrf.get_signature()),
        length_ratio=bleu_score.sys_len / bleu_score.ref_len if bleu_score.ref_len else 0.0,
    )
