"""The scales of every site of an Integer Transformer, from which its integers are frozen."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from octavo.errors import QuantizationError
from octavo.model.architecture import sites, weight_products
from octavo.model.config import ModelConfig


@dataclasses.dataclass(frozen=True, slots=True)
class SiteScales:
    """integer = round(s * real) of every site. s is levels per unit, the reciprocal of a scale of
    octavo.model. u8 stores integer + 128, and the hidden layer integer + 0.

    ``inputs``: s of every site that a weight product reads. ``heads``: for ``X.queries``, ``X.keys`` and
    ``X.values`` one s for each head. ``encoder_residual``, ``decoder_residual``: of the residual streams; a
    language model has no encoder, and None for it. Raises QuantizationError, naming the site, for a scale
    that is not positive and finite.
    """

    inputs: Mapping[str, float]
    heads: Mapping[str, tuple[float, ...]]
    encoder_residual: float | None
    decoder_residual: float

    def __post_init__(self) -> None:
        residuals = {"encoder.residual": self.encoder_residual, "decoder.residual": self.decoder_residual}
        single = {**self.inputs, **{site: s for site, s in residuals.items() if s is not None}}
        found = {site: (s,) for site, s in single.items()} | dict(self.heads)
        for site, scales in found.items():
            for scale in scales:
                if not 0 < scale < math.inf:
                    raise QuantizationError(f"{site}: scale {scale}; a scale is positive and finite")

    def residual(self, stack: str) -> float:
        """The scale of the residual stream of a stack. Raises QuantizationError where it has none."""
        found = self.encoder_residual if stack == "encoder" else self.decoder_residual
        if found is None:
            raise QuantizationError(f"{stack}.residual: has no scale")
        return found

    def check(self, config: ModelConfig) -> None:
        """Raise QuantizationError, naming the site, unless every site of the model has its scales."""
        for stack in config.stacks:
            self.residual(stack)
        for site in input_sites(config):
            if site not in self.inputs:
                raise QuantizationError(f"{site}: has no scale")
        for site in head_sites(config):
            if len(self.heads.get(site, ())) != config.attention_heads:
                raise QuantizationError(f"{site}: needs one scale for each of {config.attention_heads} heads")


def input_sites(config: ModelConfig) -> list[str]:
    """Every site that a weight product reads, in order."""
    return list(dict.fromkeys(product.site for product in weight_products(config)))


def head_sites(config: ModelConfig) -> list[str]:
    """Queries, keys and values of every attention, in order."""
    return [name for name, site in sites(config).items() if site.kind.is_per_head]
