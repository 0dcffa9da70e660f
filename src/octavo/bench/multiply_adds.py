"""The multiply-adds of a piece of work, counted from the configuration."""

from __future__ import annotations

import dataclasses
import math

from octavo.engine import Peak
from octavo.model.architecture import architecture, weight_products
from octavo.model.config import ModelConfig
from octavo.model.plan import QuantizationPlan


@dataclasses.dataclass(frozen=True, slots=True)
class MultiplyAdds:
    """Multiply-adds of all weight products in each precision; attention's own products are left out."""

    int8: int = 0
    float32: int = 0

    def __add__(self, other: MultiplyAdds) -> MultiplyAdds:
        return MultiplyAdds(self.int8 + other.int8, self.float32 + other.float32)

    def __mul__(self, times: int) -> MultiplyAdds:
        return MultiplyAdds(self.int8 * times, self.float32 * times)

    @property
    def total(self) -> int:
        """The sum over both precisions."""
        return self.int8 + self.float32

    def seconds_at(self, peak: Peak) -> float | None:
        """The seconds that they take at the machine's peak; None where the peak is not known."""
        if (self.int8 and not peak.int8) or (self.float32 and not peak.float32):
            return None
        int8 = self.int8 / peak.int8 if self.int8 else 0.0
        return int8 + (self.float32 / peak.float32 if self.float32 else 0.0)


def multiply_adds(
    config: ModelConfig, plan: QuantizationPlan | None, *, source_tokens: int, row_steps: int
) -> MultiplyAdds:
    """Count a run that encodes ``source_tokens`` (EOS included) and decodes ``row_steps`` rows.

    Encoder products, and the cross-attention's keys and values, are made once a source token; all others,
    the output projection too, once a row and step. ``plan``: what runs in int8; None: nothing.
    """
    whole = architecture(config)
    memory = {stack.result.name for stack in whole.stacks if stack.name == "encoder"}
    found = MultiplyAdds()
    for product in weight_products(config):
        encoded = product.stack == "encoder" or product.site in memory
        size = math.prod(product.weight.shape)
        in_float32 = plan is None or product.name in plan.float32
        one = MultiplyAdds(float32=size) if in_float32 else MultiplyAdds(int8=size)
        found += one * (source_tokens if encoded else row_steps)
    return found
