"""The scale that a site's quantization begins with: the one of least squared error on observed values."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from octavo.training.recipe import RecipeError

_PER_OCTAVE = 64
_LOWEST_OCTAVE, _HIGHEST_OCTAVE = -32, 32
_BINS = _PER_OCTAVE * (_HIGHEST_OCTAVE - _LOWEST_OCTAVE)
_OCTAVES_SEARCHED = 6


@dataclasses.dataclass(frozen=True, slots=True)
class Range:
    """Scales and zero points, one for each group: float32 [groups]."""

    scale: Tensor
    zero_point: Tensor


class Observed:
    """Magnitudes of the values seen at one site, in bins 1/64 octave wide; and the least value.

    ``groups``: how many scales there are, 1 or one for each head.
    """

    def __init__(self, site: str, groups: int) -> None:
        self.site, self.groups = site, groups
        self.counts = torch.zeros(groups, _BINS, dtype=torch.float64)
        self.least = torch.zeros(groups)

    def add(self, x: Tensor) -> None:
        """Count values of any shape; with several groups [B, groups, ...]. Raises RecipeError for NaN."""
        x = x.detach().float()
        if not torch.isfinite(x).all():
            raise RecipeError(f"{self.site}: the model to start from gives NaN or infinity; train it again")
        rows = x.flatten()[None] if self.groups == 1 else x.transpose(0, 1).flatten(1)
        self.least = torch.minimum(self.least, rows.amin(1).cpu())
        bins = ((rows.abs().log2() - _LOWEST_OCTAVE) * _PER_OCTAVE).clamp_(0, _BINS - 1).long()
        for counts, row in zip(self.counts, bins, strict=True):
            counts += torch.bincount(row, minlength=_BINS).cpu()

    def symmetric(self) -> Range:
        """Around zero point 128."""
        limits = torch.stack([_best_limit(counts, 127, 0.0) for counts in self.counts])
        return Range(limits / 127, torch.full((self.groups,), 128.0))

    def affine(self) -> Range:
        """From the least value seen: zero point 0 where none is negative. For one group."""
        below = -float(self.least[0])
        scale = (_best_limit(self.counts[0], 255, below) + below) / 255
        return Range(scale[None], (below / scale).round().clamp(0, 128)[None])


def _best_limit(counts: Tensor, levels: int, below: float) -> Tensor:
    """The limit of least squared error: rounding's within it, clipping's beyond."""
    edges = torch.arange(1, _BINS + 1, dtype=torch.float64) / _PER_OCTAVE + _LOWEST_OCTAVE
    values = torch.exp2(edges - 0.5 / _PER_OCTAVE)
    last = int(counts.nonzero().max()) if bool(counts.any()) else 0
    first = max(0, last - _OCTAVES_SEARCHED * _PER_OCTAVE)
    limits = torch.exp2(edges[first : last + 1])[:, None]
    rounding = ((limits + below) / levels) ** 2 / 12
    squared = torch.where(values <= limits, torch.minimum(rounding, values**2), (values - limits) ** 2)
    return limits[(squared * counts).sum(1).argmin(), 0].float()
