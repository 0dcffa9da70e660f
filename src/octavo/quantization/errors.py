"""What can go wrong when a model is quantized or simulated."""

from __future__ import annotations

from octavo.errors import OctavoError


class QuantizationError(OctavoError):
    """A model that cannot be quantized, or tokens that it cannot be run on."""
